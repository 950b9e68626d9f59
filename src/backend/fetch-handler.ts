import type { BackendExchange } from './exchange.ts'
import type { ExchangeRequest } from './exchange-request.ts'
import type { ExchangeHandler, ReportError } from './handler.ts'
import { recordThrown } from './trace-handler.ts'

/**
 * Any handler of the Fetch shape: a Hono app's `app.fetch`, say, which has the second argument as `c.env`.
 * @param exchange what a Request has no place for
 */
export type FetchHandler = (request: Request, exchange: ExchangeRequest) => Response | Promise<Response>

/** Answers exchanges with a fetch handler. What it throws before it has answered is a 500 that says nothing of it. */
export function fetchExchange(handler: FetchHandler, onError: ReportError): ExchangeHandler {
  return async (x) => {
    x.sendBytes()
    let request: Request
    try {
      request = requestOf(x)
    } catch {
      // A URL or method that Fetch does not know: CONNECT, say.
      x.reset('bad_request')
      return
    }
    let response: Response
    try {
      response = await handler(request, x.request)
      if (x.signal.aborted) {
        await response.body?.cancel(x.signal.reason)
        return
      }
      x.head({ status: response.status, headers: response.headers })
    } catch (error) {
      if (x.signal.aborted) return
      onError(error, x.request)
      recordThrown(error)
      x.reset('internal')
      return
    }
    if (response.body === null) return
    if (x.request.method === 'HEAD') await response.body.cancel()
    else await sendBody(x, response.body)
  }
}

function requestOf(x: BackendExchange): Request {
  const { method, host, path, query, headers } = x.request
  const url = `http://${host || 'localhost'}${path.startsWith('/') ? path : `/${path}`}${query === '' ? '' : `?${query}`}`
  const hasBody = x.incoming.expectsData && method !== 'GET' && method !== 'HEAD'
  return new Request(url, {
    method,
    headers,
    signal: x.signal,
    ...(hasBody && { body: bodyOf(x), duplex: 'half' as const }),
  })
}

/** Reads a chunk when it is asked for one, no sooner: that is the backpressure. */
function bodyOf({ incoming }: BackendExchange): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await incoming.next()
        if (done) controller.close()
        else controller.enqueue(value.data)
      },
      cancel: () => incoming.discard(),
    },
    { highWaterMark: 0 },
  )
}

async function sendBody(x: BackendExchange, body: ReadableStream<Uint8Array>): Promise<void> {
  const reader = body.getReader()
  // A body that waits for its next event would not hear that the client has left.
  const onAbort = () => void reader.cancel(x.signal.reason).catch(() => undefined)
  x.signal.addEventListener('abort', onAbort, { once: true })
  // By its head, which was too long.
  if (x.signal.aborted) onAbort()
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      if (next.value.length > 0) await x.send(next.value)
    }
  } catch (error) {
    onAbort()
    throw error
  } finally {
    x.signal.removeEventListener('abort', onAbort)
  }
}
