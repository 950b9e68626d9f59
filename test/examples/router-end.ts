import { EventEmitter, once } from 'node:events'
import { createInbox, type Msg, type MsgHdrs, type NatsConnection } from 'nats'
import type { ExchangeError } from '../../src/exchange/errors.ts'
import { EncodedHeaders } from '../../src/nats/encoded-headers.ts'
import { decodeFrame } from '../../src/wire/decode-frame.ts'
import { Stream } from '../../src/wire/stream.ts'

const EMPTY = new Uint8Array(0)
const WINDOW_BYTES = 256 * 1024
const DEADLINE_MS = 30_000

export interface RouterEndOptions {
  readonly query?: string
  readonly payload?: Uint8Array
  /** The body goes on after the payload. */
  readonly more?: boolean
  readonly windowBytes?: number
}

/** The router's end of one exchange, under the control of a test, which can be slow, leave, or send nonsense. */
export class RouterEnd {
  /** Types of the frames that came. */
  readonly frames: string[] = []
  stream: Stream | undefined
  status = 0
  error: ExchangeError | undefined
  /** Came over NATS, whether the client has taken it or not. */
  arrivedBytes = 0
  readonly #nats: NatsConnection
  readonly #inbox = createInbox()
  readonly #options: RouterEndOptions
  readonly #events = new EventEmitter()
  readonly #chunks: Uint8Array[] = []
  #peer = ''
  #full = false
  #ended = false
  #room = true

  constructor(nats: NatsConnection, subject: string, options: RouterEndOptions) {
    this.#nats = nats
    this.#options = options
    const { query = '', payload = EMPTY, more = false, windowBytes = WINDOW_BYTES } = options
    nats.subscribe(this.#inbox, { callback: (_error, message) => this.#onMessage(message) })
    const open =
      `open 1\r\nSx-Kind: http\r\nSx-Method: POST\r\nSx-Path: /\r\nSx-Query: ${query}\r\nSx-Deadline: 10000\r\n` +
      `Sx-Credit: ${windowBytes}\r\nSx-Max: 65536${more ? '\r\nSx-More: 1' : ''}`
    nats.publish(subject, payload, { headers: headersOf(open), reply: this.#inbox })
  }

  received(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  get text(): string {
    return this.received().toString()
  }

  /** Resolves when there is room for more. */
  async write(chunk: Uint8Array): Promise<void> {
    await this.until(() => this.stream !== undefined)
    this.#room = this.stream!.data(chunk)
    await this.until(() => this.#room)
  }

  end(): void {
    this.stream!.end()
  }

  pause(): void {
    this.#full = true
  }

  resume(): void {
    this.#full = false
    this.stream!.drained()
  }

  /** The response has come to its end. */
  async ended(): Promise<void> {
    await this.until(() => this.#ended)
  }

  /** Rejects when the exchange is reset first, unless that is awaited, or time is up. */
  async until(condition: () => boolean): Promise<void> {
    const signal = AbortSignal.timeout(DEADLINE_MS)
    while (!condition()) {
      if (this.error !== undefined) throw this.error
      await once(this.#events, 'change', { signal })
    }
  }

  /** A frame that the stream knows nothing of. */
  publishRaw(sx: string, { reply }: { readonly reply?: string } = {}): void {
    this.#nats.publish(this.#peer, EMPTY, { headers: headersOf(sx), ...(reply !== undefined && { reply }) })
  }

  #onMessage(message: Msg): void {
    const { headers, data, reply = '' } = message
    if (headers === undefined) throw new Error('a message without headers')
    if (headers.code === 503) this.stream?.onPeerGone()
    else {
      const frame = decodeFrame(headers, data)
      this.frames.push(frame.type)
      if (frame.type === 'data') this.arrivedBytes += frame.payload.length
      this.stream ??= this.#openStream(reply)
      if (frame.type === 'broken') throw new Error(`the backend sent a broken frame: ${frame.reason}`)
      if (frame.type !== 'ignored') this.stream.onFrame(frame)
    }
    this.#events.emit('change')
  }

  #openStream(peer: string): Stream {
    this.#peer = peer
    const { more = false, windowBytes = WINDOW_BYTES } = this.#options
    return new Stream({
      role: 'router',
      sends: more,
      receives: true,
      windowBytes,
      credit: 0,
      maxBytes: 65_536,
      now: () => performance.now(),
      onClosed() {},
      send: (block, payload, asksReply) => {
        const headers = new EncodedHeaders(block) as unknown as MsgHdrs
        this.#nats.publish(peer, payload, asksReply ? { headers, reply: this.#inbox } : { headers })
      },
      onHead: ({ status }) => {
        this.status = status
      },
      local: {
        data: (chunk) => {
          this.#chunks.push(Uint8Array.prototype.slice.call(chunk))
          return !this.#full
        },
        end: () => {
          this.#ended = true
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

function headersOf(sx: string): MsgHdrs {
  return new EncodedHeaders(Buffer.from(`NATS/1.0\r\nSx: ${sx}\r\n\r\n`)) as unknown as MsgHdrs
}
