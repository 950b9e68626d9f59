import type { Random } from './random.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** What goes wrong, each as a probability. */
export interface Faults {
  /** Of a message. */
  readonly loss: number
  /** Only messages are lost that a stream must do without. */
  readonly losesOnly?: readonly string[]
  readonly duplicate: number
  /** Of a message that asks for it: nobody gets it, and its sender is told that nobody is there. */
  readonly falseNoResponders: number
  /** Of an end, within the first seconds of its exchange: its process is killed, and another takes its place. */
  readonly death: number
  /** Of a connection, within the first seconds: it is lost for a while, and with it what is under way. */
  readonly outage: number
  /** The server is killed within the first seconds, and all return to it, each in its own time. */
  readonly serverDeath: boolean
}

export interface Message {
  readonly headerBlock: Uint8Array
  readonly payload: Uint8Array
  readonly asksReply: boolean
}

/** Where a message goes, and where it is said that it could not go. */
export interface Addressee {
  /** Whether its subscription is there. */
  readonly reachable: boolean
  onMessage(message: Message, from: Addressee): void
  onNoResponders(): void
  /** A message of its own was lost on the way, of this type. */
  onLost(type: string): void
}

/** Of a publish to a subscription that has just gone, so often the sender hears nothing. */
const SILENT_LOSS = 0.1
const MAX_DUPLICATE_DELAY_MS = 50

/** Core NATS from one connection to one other: ordered, at most once, and told of nobody there, mostly. */
export class Connection {
  readonly #clock: VirtualClock
  readonly #random: Random
  readonly #faults: Faults
  readonly #maxDelayMs: number
  #lastArrivalMs = 0
  /** Of the server that messages are on their way through. */
  #server = 0

  constructor(clock: VirtualClock, random: Random, faults: Faults) {
    this.#clock = clock
    this.#random = random
    this.#faults = faults
    this.#maxDelayMs = random.pick([0, 1, 10, 200])
  }

  /** What is on its way is lost. */
  loseServer(): void {
    this.#server++
  }

  publish(message: Message, from: Addressee, to: Addressee): void {
    const random = this.#random
    const { loss, losesOnly, duplicate, falseNoResponders } = this.#faults
    const atMs = this.#arrivalMs()
    if (message.asksReply && random.chance(falseNoResponders)) {
      this.#clock.at(atMs, () => from.onNoResponders())
      return
    }
    if (random.chance(loss) && (losesOnly === undefined || losesOnly.includes(typeOf(message)))) return
    const server = this.#server
    const arrive = () => {
      if (server === this.#server) this.#deliver(message, from, to)
      else from.onLost(typeOf(message))
    }
    this.#clock.at(atMs, arrive)
    if (random.chance(duplicate)) this.#clock.at(atMs + random.below(MAX_DUPLICATE_DELAY_MS), arrive)
  }

  /** A message that is slow holds up those behind it. */
  #arrivalMs(): number {
    const atMs = this.#clock.nowMs + this.#random.next() * this.#maxDelayMs
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, atMs)
    return this.#lastArrivalMs
  }

  #deliver(message: Message, from: Addressee, to: Addressee): void {
    if (to.reachable) {
      to.onMessage(message, from)
      return
    }
    from.onLost(typeOf(message))
    if (message.asksReply && !this.#random.chance(SILENT_LOSS)) from.onNoResponders()
  }
}

function typeOf({ headerBlock }: Message): string {
  return /Sx: (\w+)/.exec(Buffer.from(headerBlock).toString('latin1'))?.[1] ?? ''
}
