import type { HttpResponse } from 'uWebSockets.js'
import type { ExchangeError } from '../../exchange/errors.ts'
import type { HeaderList, ResponseHead } from '../../exchange/exchange.ts'
import { isNamed } from '../../exchange/header-list.ts'
import { withPolicyFields } from '../response-fields.ts'
import { encodeProblem, problemFields } from './problem.ts'
import type { HttpRequestHead } from './request-head.ts'
import { SSE_COMMENT } from './server-sent-events.ts'
import { statusLine } from './status-line.ts'

/** After which the rest of a body is not waited for. */
export const REQUEST_TIMEOUT = 408

/** No content in the response, whatever its headers say (RFC 9110 sections 6.4.1 and 9.3.2). */
export function isBodyless(request: HttpRequestHead, status: number): boolean {
  return request.method === 'HEAD' || hasNoContent(status)
}

function hasNoContent(status: number): boolean {
  return status === 204 || status === 304
}

/**
 * All of it at once, inside a cork.
 * @param body undefined: empty
 * @param isLast no further request is to come over the connection
 * @param isLingering by `endLastHead`; it has no content
 */
export function writeWhole(
  res: HttpResponse,
  request: HttpRequestHead,
  head: ResponseHead,
  body: Uint8Array | undefined,
  isLast: boolean,
  isLingering: boolean,
): void {
  writeHead(res, request, head, true)
  if (isLingering) {
    endLastHead(res)
    return
  }
  // A backend may say the length of what it does not send to HEAD.
  const saysLength = request.method === 'HEAD' && isNamed(head.headers, 'content-length')
  if (hasNoContent(head.status) || saysLength) endWithoutBody(res, undefined, isLast)
  else endWith(res, request, body ?? '', isLast)
}

/** What comes before a body that is streamed. @param isEvents as server-sent events */
export function writeStreamHead(
  res: HttpResponse,
  request: HttpRequestHead,
  head: ResponseHead,
  isEvents: boolean,
  isLast: boolean,
): void {
  writeHead(res, request, head, !isEvents)
  if (isEvents) {
    res.writeHeader('content-type', 'text/event-stream').writeHeader('cache-control', 'no-cache')
    // Tells nginx and its kin not to collect the stream.
    res.writeHeader('x-accel-buffering', 'no')
  }
  // That of one that has no content ends with it.
  if (isLast && !(isBodyless(request, head.status) && request.length < 0)) res.writeHeader('connection', 'close')
  // A head is not complete before the first write, and the first event may be long in coming.
  if (isEvents && !isBodyless(request, head.status)) res.write(SSE_COMMENT)
}

/** The error in place of a response. */
export function writeProblem(res: HttpResponse, request: HttpRequestHead, error: ExchangeError, isLast: boolean): void {
  const body = encodeProblem(error, request.route?.name, request.requestId)
  res.writeStatus(statusLine(error.status))
  writeFields(res, problemFields(error, request.requestId, request.responseHeaders))
  if (request.fault !== undefined || request.length < 0) {
    // Where this request ends is in doubt: what follows must not be read as another one, after HEAD neither.
    res.end(request.method === 'HEAD' ? '' : body, true)
    return
  }
  // After a refusal the rest of the body is of no use: closing saves both sides from moving it.
  endWith(res, request, body, isLast || error.code === 'too_large' || error.status === REQUEST_TIMEOUT)
}

/**
 * The end of a head, and with it of the response, behind which no request may be taken. To uWebSockets the response goes on: it
 * closes the connection over a request behind one that is not answered. To tell it to close leaves it open where nothing
 * follows the head, and would write a field into a body that is streamed.
 */
export function endLastHead(res: HttpResponse): void {
  res.writeHeader('connection', 'close\r\n')
}

function endWith(res: HttpResponse, request: HttpRequestHead, body: Uint8Array | string, close: boolean): void {
  if (request.method === 'HEAD') endWithoutBody(res, Buffer.byteLength(body), close)
  else res.end(body, close)
}

/** uWebSockets' own ways to say a length or to close here leave the response unfinished in its eyes: headers do not. */
function endWithoutBody(res: HttpResponse, length: number | undefined, close: boolean): void {
  if (length !== undefined) res.writeHeader('content-length', String(length))
  if (close) res.writeHeader('connection', 'close')
  res.endWithoutBody()
}

function writeHead(res: HttpResponse, request: HttpRequestHead, head: ResponseHead, withOwnType: boolean): void {
  const headers = withPolicyFields(head.headers, request.responseHeaders)
  // 200 is what uWebSockets writes by itself.
  if (head.status !== 200) res.writeStatus(statusLine(head.status))
  res.writeHeader('x-request-id', request.requestId)
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!
    if (name === 'x-request-id' || (!withOwnType && name === 'content-type')) continue
    res.writeHeader(name, headers[i + 1]!)
  }
}

function writeFields(res: HttpResponse, fields: HeaderList): void {
  for (let i = 0; i < fields.length; i += 2) res.writeHeader(fields[i]!, fields[i + 1]!)
}
