import { randomBytes } from 'node:crypto'
import { explainTlsFailure } from '../exchange/tls-failure.ts'
import type { ReceivedSpan } from '../telemetry/otlp-spans.ts'
import type { CallRequest } from './call-request.ts'
import { VerbError } from './verb.ts'

const TLS_SETTINGS = {
  ca: 'the environment, NODE_EXTRA_CA_CERTS=FILE',
  cert: 'a client that has one, such as curl with --cert and --key; this one has none',
}

/**
 * Sends a request as part of a trace, and gives the client's span of it.
 * @param signal cuts a response that goes on: its trace is of interest all the same
 */
export async function sendTraced(
  url: string,
  { head, body }: CallRequest,
  traceId: string,
  signal: AbortSignal,
): Promise<ReceivedSpan> {
  const spanId = randomBytes(8).toString('hex')
  const headers = new Headers()
  for (let i = 0; i < head.headers.length; i += 2) headers.append(head.headers[i]!, head.headers[i + 1]!)
  headers.set('traceparent', `00-${traceId}-${spanId}-01`)
  const startNs = nowNs()
  const status = await fetch(url, {
    method: head.method,
    headers,
    redirect: 'manual',
    signal,
    ...(body.length > 0 && { body: Buffer.from(body) }),
  }).then(
    async (response) => {
      await response.arrayBuffer().catch(() => undefined)
      return response.status
    },
    (error: Error) => {
      const { cause = error } = error
      const reason = explainTlsFailure(cause, TLS_SETTINGS) ?? (cause instanceof Error ? cause.message : String(cause))
      throw new VerbError(`${url} did not answer: ${reason}`, { cause })
    },
  )
  return {
    traceId,
    spanId,
    parentSpanId: '',
    traceState: '',
    name: `${head.method} ${new URL(url).pathname}`,
    kind: 'client',
    startNs,
    endNs: nowNs(),
    attributes: { 'http.response.status_code': status },
    events: [],
    failed: status >= 400,
    resource: { 'service.name': 'client' },
  }
}

/** Since the epoch. */
function nowNs(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6))
}
