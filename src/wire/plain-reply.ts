import { ExchangeError } from '../exchange/errors.ts'
import type { HeaderList, MessageMeta } from '../exchange/exchange.ts'
import { isForwardable, isSafeValue } from './header-field.ts'

/** Headers of a NATS message as the client library gives them; names as sent. */
export interface MessageHeaders extends Iterable<[string, string[]]> {
  /** Status of a status message, else 0. */
  readonly code: number
}

/** Headers that the response writes itself: framing by length, and a date. */
const OWN_HEADERS: ReadonlySet<string> = new Set(['content-length', 'date'])

/** What the headers of a plain reply say. */
export interface PlainReply {
  /** Undefined: not given; the payload decides between 200 and 204. */
  status: number | undefined
  /** Headers for the client, names in lower case. */
  headers: HeaderList
  /** For message-shaped chunks. */
  meta: MessageMeta | undefined
  /** The failure that a micro service reports; a payload, if there is one, takes its place. */
  failure: ExchangeError | undefined
  /** Set if the reply is none that a client could be shown. */
  error: ExchangeError | undefined
  /** An SX/1 frame, hence not plain at all. */
  isFrame: boolean
}

const NO_HEADERS: HeaderList = []
const BARE: PlainReply = {
  status: undefined,
  headers: NO_HEADERS,
  meta: undefined,
  failure: undefined,
  error: undefined,
  isFrame: false,
}

/** Reads the headers of a reply. A responder that echoes ours back is plain: what we sent is not its answer. */
export function parsePlainReply(headers: MessageHeaders | undefined): PlainReply {
  if (headers === undefined) return BARE
  let status: string | undefined
  let serviceCode: string | undefined
  let serviceError = ''
  let event: string | undefined
  let id: string | undefined
  let frame: string | undefined
  const list: string[] = []
  for (const [rawName, values] of headers) {
    const name = rawName.toLowerCase()
    const value = values[0] ?? ''
    if (name === 'sx') frame = value
    else if (name === 'sx-status') status = value
    else if (name === 'sx-event') event = value
    else if (name === 'sx-id') id = value
    else if (name === 'nats-service-error-code') serviceCode = value
    else if (name === 'nats-service-error') serviceError = value
    else if (isForwardable(name) && !OWN_HEADERS.has(name)) {
      for (const each of values) if (isSafeValue(each)) list.push(name, each)
    }
  }
  const isEcho = frame?.startsWith('open') === true
  const parsed = status === undefined ? undefined : parseStatus(status)
  return {
    status: parsed,
    headers: isEcho ? contentTypeOf(list) : list,
    meta: event === undefined && id === undefined ? undefined : messageMeta(event, id),
    failure: serviceCode === undefined ? undefined : serviceFailure(serviceCode, serviceError),
    error:
      status !== undefined && parsed === undefined
        ? new ExchangeError('backend_error', `the reply's Sx-Status is not a status from 200 to 599: ${status}`)
        : undefined,
    isFrame: frame !== undefined && !isEcho,
  }
}

/** Of an echo of our own headers only the type of the echoed body is of use; the rest is the client's, cookies included. */
function contentTypeOf(list: readonly string[]): HeaderList {
  for (let i = 0; i < list.length; i += 2) if (list[i] === 'content-type') return list.slice(i, i + 2)
  return NO_HEADERS
}

function parseStatus(text: string): number | undefined {
  return /^[2-5]\d\d$/.test(text) ? Number(text) : undefined
}

/** NATS micro services report failures in two headers; a code that is no HTTP error status becomes 500. */
function serviceFailure(code: string, description: string): ExchangeError {
  const status = /^[45]\d\d$/.test(code) ? Number(code) : 500
  const options = description === '' ? { status } : { status, detail: description }
  return new ExchangeError('backend_error', `the service replied with error ${code}: ${description}`, options)
}

function messageMeta(event: string | undefined, id: string | undefined): MessageMeta {
  return { ...(event === undefined ? {} : { event }), ...(id === undefined ? {} : { id }) }
}
