import type { HttpResponse } from 'uWebSockets.js'
import type { ExchangeError } from '../../exchange/errors.ts'
import type { RequestHead } from '../../exchange/exchange.ts'
import { encodeProblem, retryAfterSeconds } from '../http/problem.ts'
import { statusLine } from '../http/status-line.ts'
import { VERSION } from './handshake.ts'

/** Answers an upgrade that does not come about, as HTTP answers a request. */
export function refuseUpgrade(res: HttpResponse, request: RequestHead, error: ExchangeError): void {
  res.writeStatus(statusLine(error.status)).writeHeader('content-type', 'application/problem+json')
  res.writeHeader('x-request-id', request.requestId)
  // RFC 6455 section 4.4: the version that it should have asked for.
  if (error.status === 426) res.writeHeader('upgrade', 'websocket').writeHeader('sec-websocket-version', VERSION)
  const retryAfterS = retryAfterSeconds(error)
  if (retryAfterS !== undefined) res.writeHeader('retry-after', String(retryAfterS))
  if (error.allow !== undefined) res.writeHeader('allow', error.allow.join(', '))
  // What an impatient client has sent behind it is frames, not a request.
  res.end(encodeProblem(error, request.route?.name, request.requestId), true)
}
