import { EventEmitter, once } from 'node:events'
import { createInbox, type Msg, type MsgHdrs, type NatsConnection } from 'nats'
import type { ExchangeError } from '../../src/exchange/errors.ts'
import type { HeaderList, MessageMeta } from '../../src/exchange/exchange.ts'
import { EncodedHeaders } from '../../src/nats/encoded-headers.ts'
import { decodeFrame } from '../../src/wire/decode-frame.ts'
import type { Frame } from '../../src/wire/frame.ts'
import { Stream } from '../../src/wire/stream.ts'

const EMPTY = new Uint8Array(0)
const DEADLINE_MS = 10_000

export interface OpenOptions {
  readonly kind?: 'http' | 'ws' | 'tcp'
  readonly method?: string
  readonly host?: string
  readonly path?: string
  readonly query?: string
  /** Names and values by turns. */
  readonly headers?: HeaderList
  readonly payload?: Uint8Array | string
  /** The body goes on after the payload. */
  readonly more?: boolean
  readonly windowBytes?: number
}

/** One exchange from a router's end, scripted by a test: it can be slow, leave, or never read. */
export class SxExchange {
  /** All that came, in order. */
  readonly frames: Frame[] = []
  readonly messages: { readonly data: Buffer; readonly meta: MessageMeta | undefined }[] = []
  stream: Stream | undefined
  status = 0
  headers: HeaderList = []
  error: ExchangeError | undefined
  ended = false
  /** Nobody answers on the subject. */
  noResponders = false
  readonly #nats: NatsConnection
  readonly #options: OpenOptions
  readonly #inbox = createInbox()
  readonly #events = new EventEmitter()
  #full = false
  #room = true

  constructor(nats: NatsConnection, subject: string, options: OpenOptions) {
    this.#nats = nats
    this.#options = options
    nats.subscribe(this.#inbox, { callback: (_error, message) => this.#onMessage(message) })
    const { payload = EMPTY } = options
    nats.publish(subject, payload, { headers: openHeaders(options), reply: this.#inbox })
  }

  /** All payload bytes that were read, as text. */
  get text(): string {
    return Buffer.concat(this.messages.map(({ data }) => data)).toString()
  }

  /** Payload bytes that came over NATS, read or not. */
  get arrivedBytes(): number {
    return this.frames.reduce((sum, frame) => sum + ('payload' in frame ? frame.payload.length : 0), 0)
  }

  /** The first value of a response header. */
  header(name: string): string | undefined {
    const at = this.headers.findIndex((text, i) => i % 2 === 0 && text === name)
    return at < 0 ? undefined : this.headers[at + 1]
  }

  /** Sends, once accepted; resolves when there is room for more. */
  async send(data: Uint8Array | string, meta?: MessageMeta): Promise<void> {
    await this.until(() => this.stream !== undefined)
    this.#room = this.stream!.data(Buffer.from(data), meta)
    await this.until(() => this.#room)
  }

  async end(): Promise<void> {
    await this.until(() => this.stream !== undefined)
    this.stream!.end()
  }

  /** The client has left. */
  reset(error: ExchangeError): void {
    this.stream!.reset(error)
  }

  /** Reads no more, as a slow client. Call before anything comes. */
  pause(): void {
    this.#full = true
  }

  resume(): void {
    this.#full = false
    this.stream?.drained()
  }

  /** Forgets the exchange without a word, as a router that crashed: what comes then draws a 503. */
  async vanish(): Promise<void> {
    await this.#nats.close()
  }

  /** The response has come to its end. */
  whole(): Promise<void> {
    return this.until(() => this.ended)
  }

  /** Resolves when the backend has reset the exchange. */
  async failed(): Promise<ExchangeError> {
    await this.#wait(() => this.error !== undefined)
    return this.error!
  }

  /** Rejects when the exchange is reset first, or time is up. */
  async until(condition: () => boolean): Promise<void> {
    await this.#wait(() => condition() || this.error !== undefined)
    if (!condition() && this.error !== undefined) throw this.error
  }

  async #wait(condition: () => boolean): Promise<void> {
    const signal = AbortSignal.timeout(DEADLINE_MS)
    while (!condition()) await once(this.#events, 'change', { signal })
  }

  #onMessage({ headers, data, reply = '' }: Msg): void {
    if (headers?.code === 503) {
      this.noResponders = this.stream === undefined
      this.stream?.onPeerGone()
    } else if (headers !== undefined) {
      const frame = decodeFrame(headers, data)
      if (frame.type === 'broken') throw new Error(`the backend sent a broken frame: ${frame.reason}`)
      if (frame.type !== 'ignored') {
        this.frames.push(frame)
        this.stream ??= this.#openStream(reply)
        this.stream.onFrame(frame)
      }
    }
    this.#events.emit('change')
  }

  #openStream(peer: string): Stream {
    const { more = false, windowBytes = 256 * 1024 } = this.#options
    return new Stream({
      role: 'router',
      sends: more,
      receives: true,
      windowBytes,
      credit: 0,
      maxBytes: 64 * 1024,
      now: () => performance.now(),
      onClosed() {},
      send: (block, payload, asksReply) => {
        if (peer === '' || this.#nats.isClosed()) return
        const headers = encoded(block)
        this.#nats.publish(peer, payload, asksReply ? { headers, reply: this.#inbox } : { headers })
      },
      onHead: ({ status, headers }) => {
        this.status = status
        this.headers = headers
      },
      local: {
        data: (chunk, meta) => {
          this.messages.push({ data: Buffer.from(chunk), meta })
          return !this.#full
        },
        end: () => {
          this.ended = true
          this.#events.emit('change')
        },
        reset: (error) => {
          this.error = error
        },
        drained: () => {
          this.#room = true
        },
      },
    })
  }
}

/** Opens an exchange to a subject as a router does. */
export function openExchange(nats: NatsConnection, subject: string, options: OpenOptions = {}): SxExchange {
  return new SxExchange(nats, subject, options)
}

function openHeaders(options: OpenOptions): MsgHdrs {
  const { kind = 'http', method = 'POST', host = 'api.example', path = '/', query = '', headers = [] } = options
  const fields = [
    ['Sx', 'open 1'],
    ['Sx-Kind', kind],
    ['Sx-Method', method],
    ['Sx-Host', host],
    ['Sx-Path', path],
    ['Sx-Request-Id', 'request-1'],
    ['Sx-Deadline', '10000'],
    ['Sx-Credit', String(options.windowBytes ?? 256 * 1024)],
    ['Sx-Max', '65536'],
  ]
  if (query !== '') fields.push(['Sx-Query', query])
  if (options.more === true) fields.push(['Sx-More', '1'])
  for (let i = 0; i < headers.length; i += 2) fields.push([headers[i]!, headers[i + 1]!])
  return encoded(Buffer.from(`NATS/1.0\r\n${fields.map((field) => `${field.join(': ')}\r\n`).join('')}\r\n`))
}

function encoded(block: Uint8Array): MsgHdrs {
  return new EncodedHeaders(block) as unknown as MsgHdrs
}
