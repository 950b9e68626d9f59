import type { HttpResponse } from 'uWebSockets.js'
import type { ExchangeError } from '../../exchange/errors.ts'
import type { RequestHead } from '../../exchange/exchange.ts'
import { encodeProblem, problemFields } from '../http/problem.ts'
import { statusLine } from '../http/status-line.ts'
import { VERSION } from './handshake.ts'

/** Answers an upgrade that does not come about, as HTTP answers a request, and closes the connection. */
export function refuseUpgrade(res: HttpResponse, request: RequestHead, error: ExchangeError): void {
  let isAborted = false
  res.onAborted(() => {
    isAborted = true
  })
  // Later: what is behind the request is frames, if the client was not patient, and no request to be answered. While
  // this one is unanswered, uWebSockets ends the connection over it.
  setImmediate(() => {
    if (!isAborted) res.cork(() => writeProblem(res, request, error))
  })
}

function writeProblem(res: HttpResponse, request: RequestHead, error: ExchangeError): void {
  res.writeStatus(statusLine(error.status))
  // RFC 6455 section 4.4: the version that it should have asked for.
  if (error.status === 426) res.writeHeader('upgrade', 'websocket').writeHeader('sec-websocket-version', VERSION)
  const fields = problemFields(error, request.requestId, request.responseHeaders)
  for (let i = 0; i < fields.length; i += 2) res.writeHeader(fields[i]!, fields[i + 1]!)
  res.end(encodeProblem(error, request.route?.name, request.requestId), true)
}
