import { ERRORS, type ErrorCode } from '../exchange/errors.ts'
import type { HeaderList, MessageMeta } from '../exchange/exchange.ts'
import { type EndFrame, type Frame, LEAST_MAX_BYTES, MAX_META_CHARS, type OpenFrame } from './frame.ts'
import { isForwardable, isSafeValue } from './header-field.ts'
import type { MessageHeaders } from './plain-reply.ts'

/** A message that breaks the protocol; `reason` is for the log. */
export interface BrokenFrame {
  readonly type: 'broken'
  readonly reason: string
}

/** Of a type that this version does not know and may ignore. */
export interface IgnoredFrame {
  readonly type: 'ignored'
}

const TOO_SMALL = `Sx-Max is below ${LEAST_MAX_BYTES}`

/** The headers of one message with their names in lower case, first values only where a field has one. */
class Fields {
  readonly headers: HeaderList
  readonly #sx = new Map<string, string>()

  constructor(headers: MessageHeaders) {
    const list: string[] = []
    for (const [rawName, values] of headers) {
      const name = rawName.toLowerCase()
      if (name === 'sx' || name.startsWith('sx-')) {
        // Names that differ in case come apart; the first counts.
        if (!this.#sx.has(name)) this.#sx.set(name, values[0] ?? '')
      } else if (isForwardable(name)) for (const value of values) if (isSafeValue(value)) list.push(name, value)
    }
    this.headers = list
  }

  text(name: string): string | undefined {
    return this.#sx.get(name)
  }

  /** A non-negative integer; undefined if the field is missing, NaN if it is anything else. */
  number(name: string): number | undefined {
    const text = this.#sx.get(name)
    return text === undefined ? undefined : parseNumber(text)
  }

  entries(): Iterable<[string, string]> {
    return this.#sx
  }
}

/** Whether a message is a frame that follows an OPEN, and not plain or the echo of our own OPEN. */
export function isFrame(headers: MessageHeaders | undefined): boolean {
  if (headers === undefined) return false
  for (const [name, values] of headers) {
    if (name === 'Sx' || name.toLowerCase() === 'sx') return values[0]?.startsWith('open') === false
  }
  return false
}

/** Reads a frame that follows an OPEN. */
export function decodeFrame(headers: MessageHeaders, payload: Uint8Array): Frame | BrokenFrame | IgnoredFrame {
  const fields = new Fields(headers)
  const match = /^([a-z]+) (-|\d{1,15})$/.exec(fields.text('sx') ?? '')
  if (match === null) return broken(`the Sx header is not a type and a number: ${fields.text('sx')}`)
  const [, type, n] = match
  const frame = decodeFields(type!, n === '-' ? -1 : Number(n), fields, payload)
  if ('reason' in frame || frame.type === 'ignored') return frame
  for (const value of Object.values(frame)) {
    if (Number.isNaN(value)) return broken(`a field of ${type} is not a number`)
  }
  return frame
}

function decodeFields(
  type: string,
  n: number,
  fields: Fields,
  payload: Uint8Array,
): Frame | BrokenFrame | IgnoredFrame {
  switch (type) {
    case 'accept': {
      const maxBytes = fields.number('sx-max') ?? Infinity
      if (n < 1) return broken('an accept without a version')
      if (maxBytes < LEAST_MAX_BYTES) return broken(TOO_SMALL)
      return { type, version: n, credit: fields.number('sx-credit') ?? 0, maxBytes }
    }
    case 'head': {
      const status = fields.number('sx-status') ?? 200
      if (n < 1) return broken('a head without a sequence number')
      if (!(status >= 200 && status <= 599)) return broken(`a head with the status ${status}`)
      const end = fields.text('sx-end') === '1'
      const [credit, maxBytes] = [fields.number('sx-credit'), fields.number('sx-max')]
      if (maxBytes !== undefined && maxBytes < LEAST_MAX_BYTES) return broken(TOO_SMALL)
      return { type, seq: n, status, headers: fields.headers, payload, end, credit, maxBytes }
    }
    case 'data': {
      if (n < 1) return broken('data without a sequence number')
      const meta = metaOf(fields)
      if (isTooLong(meta?.event) || isTooLong(meta?.id)) return broken('the name or id of an event is too long')
      return { type, seq: n, payload, meta }
    }
    case 'end':
      if (n < 1) return broken('an end without a sequence number')
      return {
        type,
        seq: n,
        bytes: fields.number('sx-bytes') ?? Number.NaN,
        trailers: fields.headers,
        ...closeCodeOf(fields),
      }
    case 'reset': {
      const code = fields.text('sx-code') ?? ''
      const status = fields.number('sx-status')
      return {
        type,
        code: isErrorCode(code) ? code : 'backend_error',
        status: status !== undefined && status >= 400 && status <= 599 ? status : undefined,
        reason: fields.text('sx-reason'),
      }
    }
    case 'credit':
      return { type, credit: fields.number('sx-credit') ?? Number.NaN }
    case 'ping':
    case 'pong':
      if (n < 0) return broken(`a ${type} without a sequence number`)
      return { type, seq: n, credit: fields.number('sx-credit') ?? 0, bytes: fields.number('sx-bytes') ?? Number.NaN }
    default:
      return n === -1 ? { type: 'ignored' } : broken(`a sequenced frame of an unknown type: ${type}`)
  }
}

/** RFC 6455 section 7.4: the codes that may be sent; any other is read as none. */
function closeCodeOf(fields: Fields): Pick<EndFrame, 'closeCode'> | undefined {
  const closeCode = fields.number('sx-close')
  if (closeCode === undefined || !(closeCode >= 1000 && closeCode <= 4999)) return undefined
  if ((closeCode >= 1004 && closeCode <= 1006) || (closeCode >= 1015 && closeCode < 3000)) return undefined
  return { closeCode }
}

/** Reads an OPEN as a backend does; undefined if the message is none. */
export function decodeOpen(
  headers: MessageHeaders | undefined,
  payload: Uint8Array,
): OpenFrame | BrokenFrame | undefined {
  if (headers === undefined) return undefined
  const fields = new Fields(headers)
  const match = /^open (\d{1,9})$/.exec(fields.text('sx') ?? '')
  if (match === null) return undefined
  const [deadlineMs, credit, maxBytes] = [
    fields.number('sx-deadline'),
    fields.number('sx-credit'),
    fields.number('sx-max'),
  ]
  if ([deadlineMs, credit, maxBytes].some(Number.isNaN)) return broken('a field of the OPEN is not a number')
  if (maxBytes !== undefined && maxBytes < LEAST_MAX_BYTES) return broken(TOO_SMALL)
  const metadata: string[] = []
  for (const [name, value] of fields.entries()) if (name !== 'sx') metadata.push(name, value)
  return {
    type: 'open',
    version: Number(match[1]),
    headers: [...metadata, ...fields.headers],
    payload,
    more: fields.text('sx-more') === '1',
    deadlineMs: deadlineMs ?? 10_000,
    credit: credit ?? 0,
    maxBytes: maxBytes ?? Infinity,
  }
}

function metaOf(fields: Fields): MessageMeta | undefined {
  const type = fields.text('sx-type')
  const event = fields.text('sx-event')
  const id = fields.text('sx-id')
  const fin = fields.text('sx-fin')
  if (type === undefined && event === undefined && id === undefined && fin === undefined) return undefined
  return {
    ...((type === 'text' || type === 'binary') && { type }),
    ...(event !== undefined && { event }),
    ...(id !== undefined && { id }),
    ...(fin === '0' && { fin: false }),
  }
}

function isTooLong(text: string | undefined): boolean {
  return text !== undefined && text.length > MAX_META_CHARS
}

function parseNumber(text: string): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code)
}

function broken(reason: string): BrokenFrame {
  return { type: 'broken', reason }
}
