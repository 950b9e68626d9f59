import { CLOSED_SIDE, resetUnwanted } from '../../exchange/closed-side.ts'
import { ExchangeError } from '../../exchange/errors.ts'
import type { BackendSide, ClientSide, RequestHead, ResponseHead } from '../../exchange/exchange.ts'
import { closeCodeOfError, closeCodeOfStatus } from './close-codes.ts'
import type { RpcConnection } from './rpc-connection.ts'

/** A response in chunks becomes one message, of at most this many bytes. */
const MAX_REPLY_BYTES = 1024 * 1024

const EMPTY = new Uint8Array(0)

/**
 * One message of an rpc connection as a request. States: open -> over, with a reply, which waits for those before it to
 * be sent, or with an error.
 */
export class RpcCall implements ClientSide {
  /** The one that came after it. */
  next: RpcCall | undefined = undefined
  readonly request: RequestHead
  readonly isText: boolean
  readonly startedMs: number
  error: ExchangeError | undefined = undefined
  isOver = false
  /** The reply has gone out already. */
  isSent = false
  reply: Uint8Array = EMPTY
  bytesOut = 0
  status = 0
  readonly #connection: RpcConnection
  #backend: BackendSide = CLOSED_SIDE
  /** Of the whole reply; -1: unknown. */
  #length = -1
  #chunks: Uint8Array[] | undefined

  constructor(connection: RpcConnection, request: RequestHead, isText: boolean, startedMs: number) {
    this.#connection = connection
    this.request = request
    this.isText = isText
    this.startedMs = startedMs
  }

  // The connection speaks.

  begin(bytes: Uint8Array): void {
    const backend = this.request.route!.dispatch(this.request, this)
    if (this.isOver) {
      resetUnwanted(backend)
      return
    }
    this.#backend = backend
    if (bytes.length > 0) backend.data(bytes)
    if (!this.#isOverNow()) backend.end()
  }

  /** The connection ends, and this with it. */
  cancel(error: ExchangeError): void {
    const backend = this.#backend
    this.#settle(error)
    backend.reset(error)
  }

  /** The close code if this is no reply but a refusal: an error, or a status that says so with nothing to say beside it. */
  get closeCode(): number | undefined {
    if (this.error !== undefined) return closeCodeOfError(this.error)
    return this.status >= 400 && this.bytesOut === 0 ? closeCodeOfStatus(this.status) : undefined
  }

  // The backend speaks.

  head({ status, length }: ResponseHead): void {
    this.status = status
    this.#length = length
  }

  data(chunk: Uint8Array): boolean {
    if (this.isOver) return true
    this.bytesOut += chunk.length
    if (this.#length === chunk.length && this.bytesOut === chunk.length) {
      // The whole reply, and most often its turn: then it need not be copied.
      this.reply = chunk
      this.isSent = this.#connection.sendAtOnce(this)
      if (!this.isSent) this.keepReply()
      return true
    }
    if (this.bytesOut > MAX_REPLY_BYTES) {
      const backend = this.#backend
      this.#end(new ExchangeError('backend_error', `a reply of more than ${MAX_REPLY_BYTES} bytes`))
      backend.reset(new ExchangeError('too_large', `a reply may have ${MAX_REPLY_BYTES} bytes`))
      return true
    }
    this.#chunks ??= []
    this.#chunks.push(new Uint8Array(chunk))
    return true
  }

  end(): void {
    if (this.isOver) return
    if (this.#chunks !== undefined) this.reply = Buffer.concat(this.#chunks)
    this.#end(undefined)
  }

  reset(error: ExchangeError): void {
    if (!this.isOver) this.#end(error)
  }

  /** Its bytes are those of a read from NATS, which would all stay with them. */
  keepReply(): void {
    this.reply = new Uint8Array(this.reply)
  }

  /** A request is one chunk: nothing waits for room. */
  drained(): void {}

  #end(error: ExchangeError | undefined): void {
    this.#settle(error)
    this.#connection.onCallOver()
  }

  #settle(error: ExchangeError | undefined): void {
    this.isOver = true
    this.error = error
    this.#backend = CLOSED_SIDE
    this.#chunks = undefined
    this.#connection.onCallSettled(this)
  }

  /** Asked anew where a call in between may have ended it. */
  #isOverNow(): boolean {
    return this.isOver
  }
}
