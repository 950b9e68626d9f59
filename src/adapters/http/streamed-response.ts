import type { HttpResponse } from 'uWebSockets.js'
import type { BufferBudget } from '../../exchange/buffer-budget.ts'
import type { MessageMeta, ResponseHead } from '../../exchange/exchange.ts'
import { ChunkedBody } from './chunked-body.ts'
import type { HttpRequestHead } from './request-head.ts'
import { EventEncoder } from './server-sent-events.ts'
import { type Progress, SizedBody } from './sized-body.ts'
import { isBodyless, writeStreamHead } from './write-response.ts'

/** The exchange whose response it is. */
export interface StreamOwner {
  /** The client has taken some of what was written; also once it is closed. */
  onTaken(): void
  /** Nothing of the response is taken any more, until the client has read some. */
  onFull(): void
  /** More of it may come. */
  onRoom(): void
  /** All of the length that was announced is on its way. */
  onWritten(): void
  /** More waits than may, with what waits for others. */
  onTooMuch(): void
}

/**
 * A response that does not go out in one piece: in chunks, as server-sent events, or by what the system takes where the
 * length is known. Once it is closed, uWebSockets' response is not touched any more.
 */
export class StreamedResponse {
  readonly #owner: StreamOwner
  readonly #res: HttpResponse
  readonly #request: HttpRequestHead
  readonly #head: ResponseHead
  readonly #buffers: BufferBudget
  /** No byte of it is for this client. */
  readonly isBodyless: boolean
  /** Undefined: it is no stream of events. */
  readonly #events: EventEncoder | undefined
  /** Where it announces its length, in place of chunks. */
  readonly #sized: SizedBody | undefined
  readonly #chunked: ChunkedBody | undefined
  /** No further request is to come over the connection. */
  readonly #isLast: boolean
  /** None is taken: see `endLastHead`. */
  readonly #isLingering: boolean
  #isFull = false
  #isClosed = false
  /** What the client has yet to take of the last write. */
  #heldBytes = 0

  constructor(
    owner: StreamOwner,
    res: HttpResponse,
    request: HttpRequestHead,
    head: ResponseHead,
    isLast: boolean,
    isLingering: boolean,
    buffers: BufferBudget,
  ) {
    const { messages, length } = head
    this.#owner = owner
    this.#res = res
    this.#request = request
    this.#head = head
    this.#isLast = isLast
    this.#isLingering = isLingering
    this.#buffers = buffers
    this.isBodyless = isBodyless(request, head.status)
    if (messages && request.acceptsEventStream) this.#events = new EventEncoder()
    if (length > 0 && !messages && !this.isBodyless) this.#sized = new SizedBody(res, length, isLingering)
    else this.#chunked = new ChunkedBody(res, this.isEvents)
    corked = this
    res.cork(writeCorkedHead)
  }

  get isEvents(): boolean {
    return this.#events !== undefined
  }

  /** It is over with the last byte of its length, and not with `end`. */
  get isSized(): boolean {
    return this.#sized !== undefined
  }

  get isFull(): boolean {
    return this.#isFull
  }

  // The exchange speaks.

  /** False: the socket is full. */
  write(chunk: Uint8Array, meta: MessageMeta | undefined): boolean {
    if (this.#sized !== undefined) return this.#writeSized(chunk)
    if (this.#events === undefined) return this.#writeChunk(chunk)
    const text = this.#events.encode(chunk, meta)
    return text === '' || this.#writeChunk(text)
  }

  /** For the client of events, and left out where it would cut one. */
  writeBetweenEvents(text: string): void {
    if (this.#events?.isWithin === false && this.#chunked!.unsentBytes === 0) this.#writeChunk(text)
  }

  /** Of one that is not sized: all of it was written. */
  end(): void {
    // Not with uWebSockets' way to close: it would write a header field into the body. The head has said so.
    if (this.#isLingering) this.#chunked!.endLast(this.isBodyless)
    else if (this.isBodyless) this.#res.cork(() => this.#res.endWithoutBody())
    else this.#chunked!.end()
  }

  /** It has been full for a while: uWebSockets is not to take the client for gone. */
  writeAgain(): void {
    if (this.#sized !== undefined) {
      const offset = this.#res.getWriteOffset()
      corked = this
      this.#res.cork(writeSizedAgain)
      if (!this.#onSizedProgress(corkedProgress) && this.#res.getWriteOffset() > offset) this.#owner.onTaken()
      return
    }
    const progress = this.#chunked!.writeAgain()
    if (progress === 'unknown') this.#owner.onRoom()
    else if (progress !== 'full') {
      this.#owner.onTaken()
      this.#onChunkedProgress(progress === 'room')
    }
  }

  close(): void {
    this.#isClosed = true
    if (this.#heldBytes > 0) this.#hold(0)
  }

  // The connection speaks.

  #onWritable(offset: number): boolean {
    this.#owner.onTaken()
    if (this.#isClosed) {
      // What uWebSockets still keeps it leaves to the next write, and to it this response is not over.
      if (this.#isLingering) this.#res.cork(writeNothing)
      return true
    }
    if (this.#sized !== undefined) return this.#onSizedProgress(this.#sized.onWritable(offset))
    this.#onChunkedProgress(this.#chunked!.onWritable())
    return true
  }

  /** False: still full. */
  #onSizedProgress(progress: Progress): boolean {
    if (progress === 'full') return false
    this.#setRoom()
    if (progress === 'done') this.#owner.onWritten()
    else this.#owner.onRoom()
    return true
  }

  #onChunkedProgress(hasRoom: boolean): void {
    if (hasRoom) {
      this.#setRoom()
      this.#owner.onRoom()
    } else this.#setFull(this.#chunked!.unsentBytes)
  }

  #writeChunk(chunk: string | Uint8Array): boolean {
    const hasRoom = this.#chunked!.write(chunk)
    if (!hasRoom) this.#setFull(chunk.length)
    else if (this.#isFull) this.#setRoom()
    return hasRoom
  }

  #writeSized(chunk: Uint8Array): boolean {
    corked = this
    corkedChunk = chunk
    this.#res.cork(writeSizedChunk)
    const progress = corkedProgress
    if (progress === 'done') this.#owner.onWritten()
    else if (progress === 'full') this.#setFull(chunk.length)
    return progress !== 'full'
  }

  #setFull(bytes: number): void {
    this.#isFull = true
    this.#owner.onFull()
    if (!this.#hold(bytes)) this.#owner.onTooMuch()
  }

  #setRoom(): void {
    this.#isFull = false
    this.#hold(0)
  }

  /** False: they are too many, with those of all others. */
  #hold(bytes: number): boolean {
    const change = bytes - this.#heldBytes
    this.#heldBytes = bytes
    return change === 0 || this.#buffers.hold(change, this.#request.remote)
  }

  // Inside a cork, where writes are collected into one.

  writeHead(): void {
    this.#res.onWritable((offset) => this.#onWritable(offset))
    writeStreamHead(this.#res, this.#request, this.#head, this.isEvents, this.#isLast)
  }

  writeSizedChunk(chunk: Uint8Array): Progress {
    return this.#sized!.write(chunk)
  }

  writeSizedAgain(): Progress {
    return this.#sized!.onWritable(this.#res.getWriteOffset())
  }
}

// A cork runs its callback before it returns: what it works on is handed over here, not in a closure for each write.
let corked: StreamedResponse
let corkedChunk: Uint8Array
let corkedProgress: Progress = 'room'
const writeNothing = () => {}
const writeCorkedHead = () => corked.writeHead()
const writeSizedChunk = () => {
  corkedProgress = corked.writeSizedChunk(corkedChunk)
}
const writeSizedAgain = () => {
  corkedProgress = corked.writeSizedAgain()
}
