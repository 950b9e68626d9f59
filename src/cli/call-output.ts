import { isUtf8 } from 'node:buffer'
import type { HeaderList, ResponseHead } from '../exchange/exchange.ts'
import type { CallOutput } from './call-client.ts'
import { createPaint } from './print.ts'
import type { Io } from './verb.ts'

/** Status and headers on standard error, the body on standard output as it comes; messages end with a line break. */
export function createTextOutput(io: Io): CallOutput {
  const paint = createPaint(io.stderr, io.env)
  let messages = false
  return {
    head({ status, headers, messages: areMessages }: ResponseHead) {
      messages = areMessages
      io.stderr.write(`${paint('bold', String(status))}\n`)
      for (const [name, value] of pairsOf(headers)) io.stderr.write(`${paint('dim', `${name}:`)} ${value}\n`)
    },
    chunk(bytes, drained) {
      const hasRoom = io.stdout.write(Buffer.concat(messages ? [bytes, Buffer.from('\n')] : [bytes]))
      if (!hasRoom) io.stdout.once('drain', drained)
      return hasRoom
    },
  }
}

/** A response for `--json`: kept until it is whole. */
export interface CollectedOutput extends CallOutput {
  /** Text as it is; bytes that are no text as base64. */
  toJson(): Readonly<Record<string, unknown>>
}

/** Keeps the response; each message of a `many` route by itself. */
export function createCollectedOutput(): CollectedOutput {
  let head: ResponseHead | undefined
  const chunks: Uint8Array[] = []
  return {
    head(value) {
      head = value
    },
    chunk(bytes) {
      chunks.push(Uint8Array.from(bytes))
      return true
    },
    toJson() {
      if (head === undefined) return {}
      const content = head.messages ? { messages: chunks.map(bodyToJson) } : bodyToJson(Buffer.concat(chunks))
      return { status: head.status, headers: pairsOf(head.headers), ...content }
    },
  }
}

function bodyToJson(bytes: Uint8Array): { body: string } | { b64: string } {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return isUtf8(data) ? { body: data.toString() } : { b64: data.toString('base64') }
}

function pairsOf(headers: HeaderList): [string, string][] {
  const pairs: [string, string][] = []
  for (let i = 0; i + 1 < headers.length; i += 2) pairs.push([headers[i]!, headers[i + 1]!])
  return pairs
}
