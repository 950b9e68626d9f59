import type { HttpRequest, HttpResponse } from 'uWebSockets.js'
import type { RequestHead } from '../../exchange/exchange.ts'
import { addressText } from '../client-address.ts'
import { isSaneRequestId } from '../request-id.ts'
import type { WebClientCertificates } from '../tls/web-client-certificates.ts'
import type { TrustedProxies } from '../trusted-proxies.ts'
import { isTarget, isToken, parseHost } from './head-syntax.ts'

let headers: string[] = []
let headerBytes = 0
function collect(name: string, value: string): void {
  headers.push(name, value)
  headerBytes += name.length + value.length
}

/** A request head with what HTTP alone needs of it. */
export interface HttpRequestHead extends RequestHead {
  /** Of the connection: `remote`, or a trusted proxy. */
  readonly address: string
  /** Names and values of all header fields, in characters. */
  readonly headerBytes: number
  readonly acceptsEventStream: boolean
  /** Why others on the way, or a backend, may read the request in another way than we do; undefined: they will not. */
  readonly fault: string | undefined
}

/** Copies everything out of uWebSockets' request, which is gone when the handler returns. */
export function readRequestHead(
  req: HttpRequest,
  res: HttpResponse,
  makeRequestId: () => string,
  certificates: WebClientCertificates | undefined,
  proxies: TrustedProxies | undefined,
): HttpRequestHead {
  headers = []
  headerBytes = 0
  req.forEach(collect)
  let host: string | undefined
  let fault: string | undefined
  let requestId = ''
  let length: number | undefined
  let acceptsEventStream = false
  let hasCredential = false
  for (let i = 0; i < headers.length; i += 2) {
    const value = headers[i + 1]!
    switch (headers[i]) {
      case 'host':
        if (host !== undefined) fault = 'more than one Host'
        host = parseHost(value)
        if (host === undefined) fault = 'a malformed Host'
        break
      case 'content-length':
        if (length !== undefined) fault = 'more than one Content-Length'
        // uWebSockets takes it for none, others for an error.
        else if (value === '') fault = 'an empty Content-Length'
        length = Number(value)
        break
      case 'transfer-encoding':
        // RFC 9112 section 6.3: with any other coding the end of the body cannot be known.
        if (length !== undefined || value.toLowerCase() !== 'chunked') fault = 'a Transfer-Encoding other than chunked'
        length = -1
        break
      case 'authorization':
        // One of them may decide who comes in, and a backend believe the other.
        if (hasCredential) fault = 'more than one Authorization'
        hasCredential = true
        break
      case 'accept':
        acceptsEventStream ||= value.toLowerCase().includes('text/event-stream')
        break
      case 'x-request-id':
        if (isSaneRequestId(value)) requestId = value
        else {
          headers.splice(i, 2)
          i -= 2
        }
        break
    }
  }
  // Before getMethod, which turns the method into lower case in place.
  const method = req.getCaseSensitiveMethod()
  const path = req.getUrl()
  const query = req.getQuery() ?? ''
  // A 2xx to it would mean a tunnel (RFC 9110 section 9.3.6).
  if (method === 'CONNECT') fault = 'the method CONNECT, and this is no proxy'
  else if (!isToken(method)) fault = 'a method that is no token'
  if (!isTarget(path, query)) fault = 'a target with characters that a URL cannot have; percent-encode them'
  const certificate = certificates?.of(res)
  if (certificates?.isRequired && certificate === undefined) fault = 'no client certificate, and needs one here'
  const address = addressText(res.getRemoteAddress())
  return {
    kind: 'http',
    method,
    host: host ?? '',
    path,
    query,
    remote: proxies === undefined ? address : proxies.clientOf(address, headers),
    address,
    certificate,
    requestId: requestId === '' ? makeRequestId() : requestId,
    headers,
    length: length ?? 0,
    route: undefined,
    subject: '',
    headerBytes,
    acceptsEventStream,
    fault,
  }
}
