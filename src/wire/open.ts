import type { HeaderList, RequestHead } from '../exchange/exchange.ts'
import { isNamed } from '../exchange/header-list.ts'
import type { Route, RouteSettings } from '../exchange/route.ts'
import { isForwardable, toAsciiValue } from './header-field.ts'

/** All header bytes of an OPEN, at most; a client that sends more gets 431. */
export const MAX_OPEN_HEADER_BYTES = 16 * 1024

/** Largest payload of one frame that the router takes. */
const MAX_FRAME_BYTES = 32 * 1024

/**
 * The part of OPEN that is the same for every exchange on a route.
 * @param windowBytes what the backend may send before it is granted more
 */
export function encodeOpenPrefix(route: RouteSettings, windowBytes: number): string {
  return (
    `NATS/1.0\r\nSx: open 1\r\nSx-Route: ${route.name}\r\n` +
    `Sx-Deadline: ${route.timeoutMs}\r\nSx-Credit: ${windowBytes}\r\nSx-Max: ${MAX_FRAME_BYTES}\r\n`
  )
}

/**
 * The header block of an OPEN (SX/1: the metadata, then the client's headers in lower case),
 * ready for the wire; undefined if it is larger than `MAX_OPEN_HEADER_BYTES`.
 */
export function encodeOpen(
  prefix: string,
  request: RequestHead,
  forwardHeaders: Route['forwardHeaders'],
): Uint8Array | undefined {
  let block = `${prefix}Sx-Kind: ${request.kind}\r\nSx-Method: ${request.method}\r\nSx-Path: ${request.path}\r\nSx-Request-Id: ${request.requestId}\r\n`
  block += `Sx-Remote: ${request.remote}\r\n`
  if (request.host !== '') block += metadata('Sx-Host', request.host)
  if (request.query !== '') block += metadata('Sx-Query', request.query)
  if (request.length > 0) block += `Sx-Length: ${request.length}\r\n`
  const { trace, identity, backendHeaders } = request
  if (identity !== undefined) block += `Sx-Subject-Id: ${identity.subjectId}\r\n`
  if (trace !== undefined) {
    block += `traceparent: ${trace.traceparent}\r\n`
    if (trace.tracestate !== '') block += `tracestate: ${trace.tracestate}\r\n`
  }
  if (forwardHeaders !== 'none') block += encodeForwarded(request, forwardHeaders)
  if (backendHeaders !== undefined) block += encodeFields(backendHeaders)
  block += '\r\n'
  // Every part is ASCII by now, so characters are bytes.
  return block.length > MAX_OPEN_HEADER_BYTES ? undefined : Buffer.from(block, 'latin1')
}

/** The same block, of an OPEN whose body goes on. */
export function withMore(headerBlock: Uint8Array): Uint8Array {
  return Buffer.concat([headerBlock.subarray(0, -2), Buffer.from('Sx-More: 1\r\n\r\n', 'latin1')])
}

function metadata(name: string, value: string): string {
  const ascii = toAsciiValue(value)
  return ascii === undefined ? '' : `${name}: ${ascii}\r\n`
}

function encodeForwarded(request: RequestHead, forwardHeaders: 'all' | ReadonlySet<string>): string {
  const { headers, trace, backendHeaders } = request
  const dropped = connectionOptions(headers)
  let block = ''
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!
    if (forwardHeaders !== 'all' && !forwardHeaders.has(name)) continue
    if (!isForwardable(name) || dropped?.has(name)) continue
    if (trace !== undefined && (name === 'traceparent' || name === 'tracestate')) continue
    if (backendHeaders !== undefined && isNamed(backendHeaders, name)) continue
    const value = toAsciiValue(headers[i + 1]!)
    if (value !== undefined) block += `${name}: ${value}\r\n`
  }
  return block
}

/** Of policies: a field whose value cannot be one is left out, as it was for the client. */
function encodeFields(fields: HeaderList): string {
  let block = ''
  for (let i = 0; i < fields.length; i += 2) block += metadata(fields[i]!, fields[i + 1]!)
  return block
}

/** RFC 9110 section 7.6.1: what `Connection` names is hop-by-hop too. Undefined if it names nothing of interest. */
function connectionOptions(headers: HeaderList): ReadonlySet<string> | undefined {
  let options: Set<string> | undefined
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== 'connection') continue
    const value = headers[i + 1]!
    if (value === 'keep-alive' || value === 'close') continue
    options ??= new Set()
    for (const option of value.split(',')) options.add(option.trim().toLowerCase())
  }
  return options
}
