import { MAX_BODY_BYTES } from '../adapters/framing/mux-frame.ts'
import type { Exchange } from './exchange.ts'
import type { Attempt } from './open-exchange.ts'
import { byteLength } from './pieces.ts'
import { type HeaderFields, setFields, toMuxHeaders } from './request-headers.ts'
import { requestTarget } from './request-target.ts'
import { RouterError } from './router-error.ts'

/** A frame holds 64 KiB of fields, and there are others. */
const MAX_HEAD_BYTES = 60 * 1024

/** What `new Response` takes as a body. */
type RequestBody = ConstructorParameters<typeof Response>[0]

export interface RequestFields {
  /** Default GET. */
  readonly method?: string | undefined
  readonly headers?: HeaderFields
  /** A stream goes out as it comes, and cannot be sent again. */
  readonly body?: RequestBody
}

/** A request that is whole, in any number of attempts. */
export interface OutgoingRequest extends RequestFields {
  readonly method: string
  readonly target: string
}

/** @throws TypeError if the path is none */
export function requestOf(path: string, init: RequestFields): OutgoingRequest {
  return { ...init, method: (init.method ?? 'GET').toUpperCase(), target: requestTarget(path) }
}

/** Whether it can be sent again: a stream, or whatever else is read once, is used up by the first attempt. */
export function isRepeatable({ body }: OutgoingRequest): boolean {
  if (typeof body !== 'object' || body === null || body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return true
  return body instanceof Blob || body instanceof FormData || body instanceof URLSearchParams
}

/**
 * @param headers those of the client, to which it adds its own
 * @throws RouterError if path and headers are more than a frame can hold
 */
export function attemptOf(request: OutgoingRequest, headers: Headers): Attempt {
  setFields(headers, request.headers)
  const { content, type } = contentOf(request.body)
  if (type !== null && !headers.has('content-type')) headers.set('content-type', type)
  const open = { method: request.method, path: request.target, headers: toMuxHeaders(headers) }
  // The router would have to end the connection, and all that others do on it.
  if (byteLength(JSON.stringify(open)) > MAX_HEAD_BYTES)
    throw new RouterError('headers_too_large', `path and headers of more than ${MAX_HEAD_BYTES} bytes`, { status: 431 })
  if (content === undefined) return { open, begin() {} }
  if (content instanceof ReadableStream)
    return { open: { ...open, more: true }, begin: (exchange) => sendStream(exchange, content) }
  if (byteLength(content) <= MAX_BODY_BYTES) return { open: { ...open, body: content }, begin() {} }
  return {
    open: { ...open, more: true },
    begin(exchange) {
      // If it fails, so does the head.
      exchange.send(content, false)
      exchange.finish()
    },
  }
}

function contentOf(body: RequestBody): {
  readonly content: string | Uint8Array | ReadableStream<Uint8Array> | undefined
  readonly type: string | null
} {
  if (typeof body === 'string') return { content: body, type: 'text/plain;charset=UTF-8' }
  if (body instanceof ArrayBuffer) return { content: new Uint8Array(body), type: null }
  if (ArrayBuffer.isView(body))
    return { content: new Uint8Array(body.buffer, body.byteOffset, body.byteLength), type: null }
  // Blob, FormData, URLSearchParams: it knows how to write each of them.
  const { body: stream, headers } = new Response(body)
  return { content: stream ?? undefined, type: headers.get('content-type') }
}

async function sendStream(exchange: Exchange, stream: ReadableStream<Uint8Array>): Promise<void> {
  const reader = stream.getReader()
  // Whatever ends the exchange ends the source, and what it has to say about that concerns nobody any more.
  const cancel = (reason: unknown) => reader.cancel(reason).catch(() => undefined)
  exchange.closed.then(cancel, cancel)
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      if (!(next.value instanceof Uint8Array)) throw new TypeError('a body streams Uint8Array, nothing else')
      await exchange.send(next.value, false)
    }
    exchange.finish()
  } catch (error) {
    exchange.cancel(error)
  }
}
