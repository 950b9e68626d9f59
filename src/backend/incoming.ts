import type { ExchangeError } from '../exchange/errors.ts'
import type { MessageMeta } from '../exchange/exchange.ts'
import { handledRejection } from './handled-rejection.ts'

/** Parts of one message that are smaller are merged when there are more than so many. */
const SMALL_PART_BYTES = 4096
const MAX_SMALL_PARTS = 4096

/** One message of a WebSocket, or one chunk of a stream of bytes. */
export interface ExchangeMessage extends Omit<MessageMeta, 'fin'> {
  readonly data: Uint8Array
}

interface Queued {
  readonly message: ExchangeMessage
  /** The stream waits until it is read before it hands over the next. */
  readonly holds: boolean
}

interface Reader {
  resolve(result: IteratorResult<ExchangeMessage, undefined>): void
  reject(error: ExchangeError): void
}

export interface IncomingOptions {
  /** What was handed over last has been read. */
  readonly onRead: () => void
  /** A message has more than `maxMessageBytes`. */
  readonly onTooLarge: () => void
  readonly maxMessageBytes: number
}

/**
 * What a peer sends, as the handler reads it. Holds the payload of OPEN and one chunk, no more: the rest waits with the
 * peer, which is granted credit for what was read. Parts of one message are put together.
 */
export class Incoming {
  readonly #options: IncomingOptions
  readonly #queue: Queued[] = []
  #parts: Uint8Array[] = []
  #partsBytes = 0
  #reader: Reader | undefined
  #ended = false
  #discarding = false
  #error: ExchangeError | undefined

  constructor(options: IncomingOptions) {
    this.#options = options
  }

  /** Whether there is anything to read, or may be. */
  get expectsData(): boolean {
    return this.#queue.length > 0 || !this.#ended
  }

  /** What came with OPEN, which no credit counts. */
  first(data: Uint8Array): void {
    this.#queue.push({ message: { data }, holds: false })
  }

  /** @returns false until it has been read */
  data(chunk: Uint8Array, meta?: MessageMeta): boolean {
    if (this.#discarding) return true
    if (meta?.fin === false || this.#parts.length > 0) {
      // Empty ones would be any number within the limit.
      if (chunk.length > 0) this.#parts.push(chunk)
      // Each small one holds the whole read of the socket that it came with, and more than its bytes beside.
      if (this.#parts.length > MAX_SMALL_PARTS && this.#parts.at(-1)!.length < SMALL_PART_BYTES) this.#mergeSmall()
      this.#partsBytes += chunk.length
      if (this.#partsBytes > this.#options.maxMessageBytes) {
        this.#parts = []
        this.#options.onTooLarge()
        return true
      }
      if (meta?.fin === false) return true
    }
    const message = messageOf(this.#takeParts() ?? chunk, meta)
    const reader = this.#reader
    if (reader === undefined) {
      this.#queue.push({ message, holds: true })
      return false
    }
    this.#reader = undefined
    reader.resolve({ done: false, value: message })
    return true
  }

  end(): void {
    this.#ended = true
    this.#finish()
  }

  /** The exchange is over: whoever reads hears why. */
  fail(error: ExchangeError): void {
    this.#error = error
    this.#queue.length = 0
    this.#parts = []
    this.#reader?.reject(error)
    this.#reader = undefined
  }

  /** Nobody reads any more: what still comes is dropped, so that the peer can come to its end. */
  discard(): void {
    if (this.#discarding) return
    this.#discarding = true
    this.#parts = []
    const held = this.#queue.some(({ holds }) => holds)
    this.#queue.length = 0
    this.#finish()
    if (held) this.#options.onRead()
  }

  next(): Promise<IteratorResult<ExchangeMessage, undefined>> {
    const first = this.#queue.shift()
    if (first !== undefined) {
      if (first.holds) this.#options.onRead()
      return Promise.resolve({ done: false, value: first.message })
    }
    if (this.#error !== undefined) return handledRejection(this.#error)
    if (this.#ended || this.#discarding) return Promise.resolve({ done: true, value: undefined })
    if (this.#reader !== undefined) return handledRejection(new Error('this exchange is being read already'))
    const next = new Promise<IteratorResult<ExchangeMessage, undefined>>((resolve, reject) => {
      this.#reader = { resolve, reject }
    })
    next.catch(() => undefined)
    return next
  }

  #mergeSmall(): void {
    let first = this.#parts.length
    while (first > 0 && this.#parts[first - 1]!.length < SMALL_PART_BYTES) first--
    if (this.#parts.length - first > MAX_SMALL_PARTS) this.#parts.push(Buffer.concat(this.#parts.splice(first)))
  }

  #takeParts(): Uint8Array | undefined {
    if (this.#parts.length === 0) return undefined
    const whole = Buffer.concat(this.#parts)
    this.#parts = []
    this.#partsBytes = 0
    return whole
  }

  #finish(): void {
    this.#reader?.resolve({ done: true, value: undefined })
    this.#reader = undefined
  }
}

function messageOf(data: Uint8Array, meta: MessageMeta | undefined): ExchangeMessage {
  if (meta === undefined) return { data }
  const { fin: _, ...rest } = meta
  return { data, ...rest }
}
