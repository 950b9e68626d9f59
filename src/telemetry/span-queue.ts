import type { RecordedSpan } from './recorded-span.ts'
import type { SpanBatch } from './span-batch.ts'

export interface SpanQueueOptions {
  readonly createBatch: () => SpanBatch
  /** Resolves when a collector has them, and the bytes are ours again; rejects when none has taken them in time. */
  readonly send: (request: Uint8Array, spans: number) => Promise<void>
  /** A batch that is full goes out at once, any other after this long. */
  readonly delayMs: number
  readonly maxBatchSize: number
  /** Spans beyond these are dropped. */
  readonly maxSize: number
  /** Hears how many were lost, and why they were not sent; without a cause, there was no room for them. */
  readonly onLoss: (spans: number, cause?: unknown) => void
}

/** Spans from their end until they are sent, one batch after the other. */
export class SpanQueue {
  readonly #options: SpanQueueOptions
  #filling: SpanBatch
  readonly #waiting: SpanBatch[] = []
  #waitingSize = 0
  /** For use again; most of the time one is filled while another is sent. */
  #spare: SpanBatch | undefined
  #dropped = 0
  #timer: NodeJS.Timeout | undefined
  readonly #onTimer = () => this.#close()
  /** Settles when nothing waits any more; undefined: nothing does. */
  #sending: Promise<void> | undefined

  constructor(options: SpanQueueOptions) {
    this.#options = options
    this.#filling = options.createBatch()
  }

  push(span: RecordedSpan): void {
    const { maxBatchSize, maxSize, delayMs, onLoss } = this.#options
    const batch = this.#filling
    if (this.#waitingSize + batch.size >= maxSize) {
      this.#dropped++
      return
    }
    if (this.#dropped > 0) {
      onLoss(this.#dropped)
      this.#dropped = 0
    }
    batch.add(span)
    if (batch.size >= maxBatchSize) this.#close()
    else this.#timer ??= setTimeout(this.#onTimer, delayMs).unref()
  }

  /** Resolves when all that has ended is sent, or lost. */
  async flush(): Promise<void> {
    this.#close()
    await this.#sending
  }

  /** The batch that is being filled waits to be sent. */
  #close(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#filling.size === 0) return
    this.#waiting.push(this.#filling)
    this.#waitingSize += this.#filling.size
    this.#filling = this.#spare ?? this.#options.createBatch()
    this.#spare = undefined
    this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined
    })
  }

  async #send(): Promise<void> {
    for (let batch = this.#waiting.shift(); batch !== undefined; batch = this.#waiting.shift()) {
      const { size } = batch
      this.#waitingSize -= size
      try {
        await this.#options.send(batch.take(), size)
        this.#spare = batch
      } catch (error) {
        // Its bytes may be on their way still, so that it is not used again.
        this.#options.onLoss(size, error)
      }
    }
  }
}
