import type { MuxHead } from '../adapters/framing/mux-frame.ts'
import type { Exchange } from './exchange.ts'
import { openExchange, type Session } from './open-exchange.ts'
import { attemptOf, isRepeatable, type RequestFields, requestOf } from './outgoing-request.ts'
import { fromMuxHeaders } from './request-headers.ts'
import { RequestLife, type RequestLimits } from './request-life.ts'
import { RouterError } from './router-error.ts'

export type FetchInit = RequestFields & RequestLimits

const encoder = new TextEncoder()
/** The statuses of a Response without a body (Fetch standard, "null body status"). */
const NULL_BODY = new Set([204, 205, 304])

/** As the global `fetch`, but an error of the router is a RouterError and not a response. */
export async function fetchThrough(session: Session, path: string, init: FetchInit): Promise<Response> {
  const request = requestOf(path, init)
  const life = new RequestLife(init, session.clock, session.lives)
  const { exchange, head } = await openExchange(session, {
    isDuplex: false,
    life,
    canRepeat: () => isRepeatable(request),
    attempt: () => attemptOf(request, session.headers()),
  })
  return responseOf(exchange, head, request.method)
}

function responseOf(exchange: Exchange, head: MuxHead, method: string): Response {
  try {
    const isEmpty = method === 'HEAD' || NULL_BODY.has(head.status)
    // Nobody will read what may come.
    if (isEmpty) exchange.cancel(new RouterError('client_gone', 'the response has no body'))
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
