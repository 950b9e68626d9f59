import type { BufferBudget, ByteBudget } from '../exchange/buffer-budget.ts'
import { CLOSED_SIDE } from '../exchange/closed-side.ts'
import type { DeadlineWheel, WheelEntry } from '../exchange/deadline-wheel.ts'
import { ExchangeError } from '../exchange/errors.ts'
import type { BackendSide, ClientSide, Dispatch, HeaderList, MessageMeta, RequestHead } from '../exchange/exchange.ts'

/** For a verdict, whoever is asked. */
const VERDICT_MS = 10_000
/** A client is told to wait with the first chunk; some of it is on the way by then. */
const MAX_PENDING_BYTES = 16 * 1024 * 1024

/** What all that wait share. */
export interface PendingParts {
  readonly wheel: DeadlineWheel
  readonly buffers: BufferBudget
}

interface Chunk {
  readonly bytes: Uint8Array
  readonly meta: MessageMeta | undefined
}

/**
 * An exchange that waits for a verdict: keeps what the client sends until then. States: `waiting` -> `passed`, and all
 * calls go to the backend's side, or `closed`: refused, reset by the client, or late.
 */
export class PendingExchange implements BackendSide, WheelEntry {
  wheelNext: WheelEntry | undefined = undefined
  wheelPrev: WheelEntry | undefined = undefined
  wheelDue = 0
  wheelSlot = -1

  readonly #client: ClientSide
  readonly #parts: PendingParts
  readonly #buffers: ByteBudget
  readonly #remote: string
  #isWaiting = true
  #backend: BackendSide = CLOSED_SIDE
  #chunks: Chunk[] = []
  #pendingBytes = 0
  /** The client's `end`, with what it had. */
  #end: (() => void) | undefined

  /** @param verdict does not reject; undefined: the exchange may go on */
  constructor(
    verdict: Promise<ExchangeError | undefined>,
    request: RequestHead,
    client: ClientSide,
    next: Dispatch,
    parts: PendingParts,
  ) {
    this.#client = client
    this.#parts = parts
    this.#buffers = request.buffers ?? parts.buffers
    this.#remote = request.remote
    parts.wheel.schedule(this, VERDICT_MS)
    // Nothing else counts it as yet, and whoever is asked may be slow.
    if (!this.#hold(sizeOf(request))) return
    void verdict.then((error) => {
      if (!this.#isWaiting) return
      if (error === undefined) this.#pass(next(request, client))
      else this.#fail(error)
    })
  }

  data(chunk: Uint8Array, meta?: MessageMeta): boolean {
    if (!this.#isWaiting) return this.#backend.data(chunk, meta)
    if (this.#pendingBytes + chunk.length > MAX_PENDING_BYTES) {
      this.#fail(new ExchangeError('too_large', `more than ${MAX_PENDING_BYTES} bytes before the client is known`))
      return false
    }
    this.#chunks.push({ bytes: new Uint8Array(chunk), meta })
    this.#hold(chunk.length)
    return false
  }

  /** False: it is too much, with what others hold. */
  #hold(bytes: number): boolean {
    this.#pendingBytes += bytes
    if (this.#buffers.hold(bytes, this.#remote)) return true
    this.#fail(new ExchangeError('busy', 'too many bytes wait in this router'))
    return false
  }

  end(trailers?: HeaderList, closeCode?: number): void {
    if (this.#isWaiting) this.#end = () => this.#backend.end(trailers, closeCode)
    else this.#backend.end(trailers, closeCode)
  }

  reset(error: ExchangeError): void {
    if (this.#isWaiting) this.#close()
    else this.#backend.reset(error)
  }

  drained(): void {
    this.#backend.drained()
  }

  onDeadline(): void {
    this.#fail(new ExchangeError('busy', 'whoever decides who may come in did not answer in time'))
  }

  /** The backend's side may have reset the client by now: then it takes and forgets what is handed on. */
  #pass(backend: BackendSide): void {
    const chunks = this.#chunks
    this.#close()
    this.#backend = backend
    let hasRoom = true
    for (const { bytes, meta } of chunks) hasRoom = backend.data(bytes, meta)
    this.#end?.()
    if (chunks.length > 0 && hasRoom && this.#end === undefined) this.#client.drained()
  }

  #fail(error: ExchangeError): void {
    this.#close()
    this.#client.reset(error)
  }

  #close(): void {
    this.#isWaiting = false
    this.#parts.wheel.cancel(this)
    this.#buffers.hold(-this.#pendingBytes, this.#remote)
    this.#pendingBytes = 0
    this.#chunks = []
  }
}

/** About what its fields take in memory. */
function sizeOf({ headers }: RequestHead): number {
  return headers.reduce((bytes, text) => bytes + text.length, 0)
}
