import type { ByteBudget } from '../../exchange/buffer-budget.ts'
import { ExchangeError } from '../../exchange/errors.ts'
import type { HeaderList, RequestHead } from '../../exchange/exchange.ts'
import { isNamed } from '../../exchange/header-list.ts'
import type { MuxHeaders, MuxOpen } from '../framing/mux-frame.ts'
import { isTarget, isToken } from '../http/head-syntax.ts'
import type { HeadLimits } from '../http/over-limit.ts'
import { isSaneRequestId } from '../request-id.ts'
import type { MuxParts } from './mux-parts.ts'
import type { MuxPeer } from './mux-socket.ts'

/** The head of a request that came as a frame. */
export interface OpenRequest extends RequestHead {
  /** Why it cannot be taken: a parser of HTTP would have refused it. */
  readonly fault: ExchangeError | undefined
  /** What the connection said of who sends it, where the request says nothing itself. */
  credential: HeaderList | undefined
  readonly buffers: ByteBudget
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/

const MAX_METHOD_LENGTH = 64

/**
 * They speak of a connection of HTTP, or of its body: the connection here has its own host, and a frame its own length. Or they
 * are a proxy's to say, which does not see frames.
 */
const IGNORED =
  /^(?:host|content-length|transfer-encoding|connection|upgrade|forwarded|x-forwarded-.*|x-real-ip|x-client-ip|true-client-ip|cf-connecting-ip)$/

/** What all requests of a listener are read by. */
type OpenParts = Pick<MuxParts, keyof HeadLimits | 'makeRequestId'>

/**
 * @param ofConnection what that says of who its client is
 * @param buffers of the connection
 */
export function readOpen(
  open: MuxOpen,
  bodyBytes: number,
  peer: MuxPeer,
  ofConnection: HeaderList,
  buffers: ByteBudget,
  parts: OpenParts,
): OpenRequest {
  const headers: string[] = []
  const question = open.path.indexOf('?')
  const path = question < 0 ? open.path : open.path.slice(0, question)
  const query = question < 0 ? '' : open.path.slice(question + 1)
  let fault = lengthFault(open.path, parts) ?? targetFault(path, query) ?? methodFault(open.method)
  if (open.headers !== undefined) fault = readHeaders(open.headers, headers, parts) ?? fault
  const requestId = takeRequestId(headers)
  const isOwn = isNamed(headers, 'authorization') || isNamed(headers, 'cookie')
  const credential = ofConnection.length > 0 && !isOwn ? ofConnection : undefined
  addMissing(headers, ofConnection)
  return {
    kind: peer.kind,
    method: (open.method ?? 'GET').slice(0, MAX_METHOD_LENGTH),
    host: peer.host,
    // What is refused is in the log, where it should not be longer than what is taken.
    path: path.slice(0, parts.maxUriBytes),
    query,
    remote: peer.remote,
    certificate: peer.certificate,
    requestId: requestId ?? parts.makeRequestId(),
    headers,
    length: open.more === true ? -1 : bodyBytes,
    route: undefined,
    subject: '',
    buffers,
    fault,
    credential,
  }
}

function lengthFault(target: string, { maxUriBytes }: HeadLimits): ExchangeError | undefined {
  if (target.length <= maxUriBytes) return undefined
  return new ExchangeError('uri_too_long', `more than ${maxUriBytes} bytes of path`)
}

function targetFault(path: string, query: string): ExchangeError | undefined {
  if (isTarget(path, query)) return undefined
  return badRequest('a path that does not begin with / or has characters that a URL cannot have')
}

function methodFault(method: string | undefined): ExchangeError | undefined {
  if (method === undefined) return undefined
  if (method.length > MAX_METHOD_LENGTH || !isToken(method)) return badRequest('a method that is not a token')
  // A 2xx to it would mean a tunnel (RFC 9110 section 9.3.6).
  return method === 'CONNECT' ? badRequest('the method CONNECT, and this is no proxy') : undefined
}

/** Fills the list, unless it tells why not. */
function readHeaders(fields: MuxHeaders, list: string[], { maxHeaderBytes }: HeadLimits): ExchangeError | undefined {
  let bytes = 0
  for (const field of Object.keys(fields)) {
    if (!isToken(field)) return badRequest('a header name that is not a token')
    const name = field.toLowerCase()
    const values = fields[field]!
    for (const value of typeof values === 'string' ? [values] : values) {
      if (CONTROL.test(value)) return badRequest('a header value with control characters')
      // One of them may decide who comes in, and a backend believe the other.
      if (name === 'authorization' && isNamed(list, name)) return badRequest('more than one Authorization')
      bytes += name.length + value.length
      if (bytes > maxHeaderBytes) {
        return new ExchangeError('headers_too_large', `more than ${maxHeaderBytes} bytes of header fields`)
      }
      if (!IGNORED.test(name)) list.push(name, value)
    }
  }
  return undefined
}

/** The client's own id, if it can do no harm; else it is no header either. */
function takeRequestId(list: string[]): string | undefined {
  let id: string | undefined
  for (let i = 0; i < list.length; i += 2) {
    if (list[i] !== 'x-request-id') continue
    if (isSaneRequestId(list[i + 1]!)) id = list[i + 1]
    else {
      list.splice(i, 2)
      i -= 2
    }
  }
  return id
}

/** What the connection says of who it is, where the request says nothing itself. */
function addMissing(list: string[], ofConnection: HeaderList): void {
  const own = list.length
  for (let i = 0; i < ofConnection.length; i += 2) {
    if (!isNamed(list, ofConnection[i]!, own)) list.push(ofConnection[i]!, ofConnection[i + 1]!)
  }
}

function badRequest(fault: string): ExchangeError {
  return new ExchangeError('bad_request', fault, { detail: `The request has ${fault}` })
}
