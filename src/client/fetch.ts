import { MAX_BODY_BYTES, type MuxHead } from '../adapters/framing/mux-frame.ts'
import type { Exchange } from './exchange.ts'
import { type Attempt, openExchange, type Session } from './open-exchange.ts'
import { byteLength } from './pieces.ts'
import { fromMuxHeaders, type HeaderFields, setFields, toMuxHeaders } from './request-headers.ts'
import { RequestLife, type RequestLimits } from './request-life.ts'
import { requestTarget } from './request-target.ts'
import { RouterError } from './router-error.ts'

/** What `new Response` takes as a body. */
export type RequestBody = ConstructorParameters<typeof Response>[0]

export interface FetchInit extends RequestLimits {
  /** Default GET. */
  readonly method?: string | undefined
  readonly headers?: HeaderFields
  /** A stream goes out as it comes, and cannot be sent again. */
  readonly body?: RequestBody
}

const encoder = new TextEncoder()
/** The statuses of a Response without a body (Fetch standard, "null body status"). */
const NULL_BODY = new Set([204, 205, 304])

/** As the global `fetch`, but an error of the router is a RouterError and not a response. */
export async function fetchThrough(session: Session, path: string, init: FetchInit): Promise<Response> {
  const target = requestTarget(path)
  const method = (init.method ?? 'GET').toUpperCase()
  const life = new RequestLife(init, session.clock, session.lives)
  const { exchange, head } = await openExchange(session, {
    isDuplex: false,
    life,
    canRepeat: () => !(init.body instanceof ReadableStream),
    attempt: () => attemptOf(session, method, target, init, life),
  })
  return responseOf(exchange, head, method)
}

async function attemptOf(
  session: Session,
  method: string,
  path: string,
  init: FetchInit,
  life: RequestLife,
): Promise<Attempt> {
  const headers = await session.headers(life.signal)
  setFields(headers, init.headers)
  const { content, type } = contentOf(init.body)
  if (type !== null && !headers.has('content-type')) headers.set('content-type', type)
  const open = { method, path, headers: toMuxHeaders(headers) }
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

function responseOf(exchange: Exchange, head: MuxHead, method: string): Response {
  try {
    const isEmpty = method === 'HEAD' || NULL_BODY.has(head.status)
    return new Response(isEmpty ? null : bodyOf(exchange, head), {
      status: head.status,
      headers: fromMuxHeaders(head.headers),
    })
  } catch (cause) {
    const error = new RouterError('protocol_error', 'the response has a header that is none', { status: 502, cause })
    exchange.cancel(error, 'protocol_error')
    throw error
  }
}

function bodyOf(exchange: Exchange, head: MuxHead): ReadableStream<Uint8Array> | string | Uint8Array<ArrayBuffer> {
  if (head.end) return typeof head.body === 'string' ? head.body : new Uint8Array(head.body ?? [])
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = await exchange.read()
        if (chunk === undefined) controller.close()
        else controller.enqueue(typeof chunk.body === 'string' ? encoder.encode(chunk.body) : chunk.body)
      },
      cancel(reason) {
        exchange.cancel(reason)
      },
    },
    // Nothing ahead of the reader: what was not read is not granted anew.
    { highWaterMark: 0 },
  )
}
