import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { RequestHead } from '../exchange/exchange.ts'
import { firstValue } from '../exchange/header-list.ts'
import { readHeaders } from './header-options.ts'
import { type Io, UsageError, type VerbArgs, VerbError } from './verb.ts'

export interface CallRequest {
  readonly head: RequestHead
  readonly body: Uint8Array
}

/** Turns `METHOD URL -H ... -d ...` into the request that an HTTP client would send. */
export async function readCallRequest({ positionals, options }: VerbArgs, io: Io): Promise<CallRequest> {
  const [method, target, ...rest] = positionals
  if (method === undefined || target === undefined) throw new UsageError('give a method and a URL or a path')
  if (rest.length > 0) throw new UsageError(`unexpected "${rest[0]}"`)
  if (!/^[A-Za-z]+$/.test(method)) throw new UsageError(`"${method}" is not a method, such as GET or POST`)
  const headers = readHeaders(options.header)
  const { host, path, query } = readTarget(target)
  const body = await readBody(options, io)
  const head: RequestHead = {
    kind: 'http',
    method: method.toUpperCase(),
    host: hostOf(firstValue(headers, 'host') ?? host),
    path,
    query,
    remote: '127.0.0.1',
    certificate: undefined,
    requestId: firstValue(headers, 'x-request-id') ?? randomUUID(),
    headers,
    length: body.length,
    route: undefined,
    subject: '',
  }
  return { head, body }
}

function readTarget(target: string): { host: string; path: string; query: string } {
  if (!target.startsWith('/')) {
    if (!/^https?:\/\//.test(target) || !URL.canParse(target)) {
      throw new UsageError(`"${target}" is neither a URL (http://host/path) nor a path (/path)`)
    }
    const url = new URL(target)
    return { host: url.host, path: url.pathname, query: url.search.slice(1) }
  }
  // A shell's user writes /straße; a client sends it percent-encoded.
  const encoded = target.replace(/[^\x21-\x7e]+/gu, encodeURIComponent)
  const mark = encoded.indexOf('?')
  if (mark === -1) return { host: '', path: encoded, query: '' }
  return { host: '', path: encoded.slice(0, mark), query: encoded.slice(mark + 1) }
}

async function readBody(options: VerbArgs['options'], io: Io): Promise<Uint8Array> {
  const { data } = options
  if (options['data-stdin'] === true) {
    if (data !== undefined) throw new UsageError('give either --data or --data-stdin')
    return await buffer(io.stdin)
  }
  if (typeof data !== 'string') return new Uint8Array(0)
  if (!data.startsWith('@')) return Buffer.from(data)
  const file = resolve(io.cwd, data.slice(1))
  return await readFile(file).catch((error: Error) => {
    throw new VerbError(`the body cannot be read: ${error.message}`, { cause: error })
  })
}

function hostOf(authority: string): string {
  return authority.toLowerCase().replace(/:\d+$/, '')
}
