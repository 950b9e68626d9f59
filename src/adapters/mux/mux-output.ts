import type { Flushable, FlushQueue } from '../flush-queue.ts'
import { encodeBinaryFrame } from '../framing/binary-frames.ts'
import { encodeJsonFrame } from '../framing/json-frames.ts'
import { MAX_BODY_BYTES, type MuxFrame } from '../framing/mux-frame.ts'
import { MUX_HIGH_WATER_BYTES, type MuxEncoding, type MuxSocket } from './mux-socket.ts'

/** Largest payload of a frame while others wait, and what an exchange may send before the next one has its turn. */
const TURN_BYTES = 16 * 1024
/** What may wait of answers to a client that sends frames and does not read. */
const MAX_BACKLOG_BYTES = 256 * 1024
/** Counted for each frame beside its bytes, so that many tiny ones are bounded too. */
const FRAME_OVERHEAD_BYTES = 64

/** An exchange with something to send. */
export interface Sender {
  /** What it has sent beyond its last turn, which its next one is shorter by. The output's to change; starts at 0. */
  debtBytes: number
  /** Sends while `roomFor` gives it room, and calls `wait` again if that was not all. */
  takeTurn(): void
}

/**
 * What leaves on one connection. As long as nobody waits, an exchange writes what it has; once the connection is full,
 * they take turns of 16 KiB each, so that a short response passes a long one. Frames are collected and written once for
 * each callback of the event loop.
 */
export class MuxOutput implements Flushable {
  readonly #socket: MuxSocket
  readonly #encoding: MuxEncoding
  readonly #flushes: FlushQueue
  /** Called when the client does not read the answers to what it sends, and the connection cannot be paused. */
  readonly #owner: { onBacklog(): void }
  #batch: (string | Uint8Array)[] = []
  #batchBytes = 0
  #isScheduled = false
  #isFull = false
  #isPaused = false
  #isClosed = false
  /** In the order of their turns. */
  #waiting: Set<Sender> | undefined
  #turnOf: Sender | undefined
  #turnBytes = 0

  constructor(socket: MuxSocket, encoding: MuxEncoding, flushes: FlushQueue, owner: { onBacklog(): void }) {
    this.#socket = socket
    this.#encoding = encoding
    this.#flushes = flushes
    this.#owner = owner
  }

  /** Payload bytes that this exchange may put into its next frame; 0: it has to wait for its turn. */
  roomFor(sender: Sender): number {
    if (this.#isFull || this.#isClosed || this.#batchBytes >= MUX_HIGH_WATER_BYTES) return 0
    if (this.#waiting === undefined || this.#waiting.size === 0) return MAX_BODY_BYTES
    return this.#turnOf === sender && this.#turnBytes > 0 ? TURN_BYTES : 0
  }

  /** Asks for a turn. */
  wait(sender: Sender): void {
    this.#waiting ??= new Set()
    this.#waiting.add(sender)
    this.#schedule()
  }

  /** It has no use for a turn any more. */
  forget(sender: Sender): void {
    this.#waiting?.delete(sender)
  }

  write(frame: MuxFrame): void {
    if (this.#isClosed) return
    const encoded = this.#encoding === 'json' ? encodeJsonFrame(frame) : encodeBinaryFrame(frame)
    this.#batch.push(encoded)
    this.#batchBytes += encoded.length + FRAME_OVERHEAD_BYTES
    if (this.#waiting !== undefined && this.#waiting.size > 0) this.#turnBytes -= encoded.length + FRAME_OVERHEAD_BYTES
    this.#schedule()
    if (!this.#isFull || this.#isPaused || this.#batchBytes < MAX_BACKLOG_BYTES) return
    if (this.#socket.pause()) this.#isPaused = true
    else this.#owner.onBacklog()
  }

  onWritable(): void {
    this.#isFull = false
    this.flush()
  }

  flush(): void {
    this.#isScheduled = false
    if (this.#isFull || this.#isClosed) return
    corked = this
    this.#socket.cork(writeOut)
  }

  /** What was written goes out, full or not, and the connection is closed. */
  close(code: number, reason: string): void {
    if (this.#isClosed) return
    this.#sendBatch()
    this.drop()
    this.#socket.close(code, reason)
  }

  /** The connection is gone. */
  drop(): void {
    this.#isClosed = true
    this.#batch = []
    this.#waiting = undefined
  }

  /** Inside a cork. */
  writeOut(): void {
    this.#sendBatch()
    while (!this.#isFull && !this.#isClosed) {
      const next = this.#waiting?.values().next().value
      if (next === undefined) break
      this.#waiting?.delete(next)
      this.#giveTurn(next)
      this.#sendBatch()
    }
    if (!this.#isPaused || this.#isFull || this.#isClosed) return
    this.#isPaused = false
    this.#socket.resume()
  }

  /** Deficit round robin: frames are not cut to fit a turn, so that a message stays whole. */
  #giveTurn(sender: Sender): void {
    this.#turnOf = sender
    this.#turnBytes = TURN_BYTES - sender.debtBytes
    if (this.#turnBytes > 0) sender.takeTurn()
    else this.wait(sender)
    sender.debtBytes = Math.max(0, -this.#turnBytes)
    this.#turnOf = undefined
  }

  #sendBatch(): void {
    const batch = this.#batch
    for (let i = 0; i < batch.length && !this.#isClosed; i++) {
      if (!this.#socket.send(batch[i]!)) this.#isFull = true
    }
    batch.length = 0
    this.#batchBytes = 0
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isFull) return
    this.#isScheduled = true
    this.#flushes.push(this)
  }
}

// A cork runs its callback before it returns: what it works on is handed over here, not in a closure for each connection.
let corked: MuxOutput
const writeOut = () => corked.writeOut()
