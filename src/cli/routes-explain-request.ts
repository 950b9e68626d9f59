import { firstValue } from '../exchange/header-list.ts'
import type { ExplainedRequest } from '../routing/explain.ts'
import { readHeaders } from './header-options.ts'
import { UsageError, type VerbArgs } from './verb.ts'

/** Turns `METHOD URL -H ...` into what routing sees of such a request. The path is taken as it is written. */
export function readExplainedRequest({ positionals, options }: VerbArgs): ExplainedRequest {
  const [method, target, extra] = positionals
  if (method === undefined || target === undefined) throw new UsageError('give a method and a URL or a path')
  if (extra !== undefined) throw new UsageError(`unexpected "${extra}"`)
  const headers = readHeaders(options.header)
  const { scheme, authority, path } = splitTarget(target)
  const host = firstValue(headers, 'host') ?? authority
  const upgrades = firstValue(headers, 'upgrade')?.toLowerCase() === 'websocket'
  return {
    kind: upgrades || /^wss?$/i.test(scheme) ? 'ws' : 'http',
    method: method.toUpperCase(),
    host: host.toLowerCase().replace(/:\d*$/, ''),
    path,
    headers,
  }
}

/** Not by `URL`, which resolves `..` and escapes: a client that does not do so is what one wants explained. */
function splitTarget(target: string): { scheme: string; authority: string; path: string } {
  const match = /^(?:(https?|wss?):\/\/([^/?#]+))?(\/[^?#]*)?(?:[?#].*)?$/is.exec(target)
  if (match === null || target === '') {
    throw new UsageError(`"${target}" is neither a URL (http://host/path, ws://host/path) nor a path (/path)`)
  }
  const [, scheme = '', authority = '', path = '/'] = match
  // A shell's user writes /straße; a client sends it percent-encoded.
  return { scheme, authority, path: path.replace(/[^\x21-\x7e]+/gu, encodeURIComponent) }
}
