import type { ResponseHead, Side } from '../exchange/exchange.ts'
import type { WindowBudget } from './window-budget.ts'

export interface StreamOptions {
  /** The router's end sends no head; a backend's end takes none. */
  readonly role: 'router' | 'backend'
  /** Our end: gets what the peer sends. */
  readonly local: Side
  /** Of a router: the response begins. Comes before anything that `local` gets of it. */
  onHead?(head: ResponseHead): void
  /**
   * Publishes a frame to the peer. With `asksReply`, our own subject is its reply: a peer that is gone then draws a 503.
   */
  readonly send: (headerBlock: Uint8Array, payload: Uint8Array, asksReply: boolean) => void
  /** Called once, when nothing comes or goes any more. */
  readonly onClosed: () => void
  readonly now: () => number
  /** False: our direction was over before it began, as an OPEN without `Sx-More` says of the router's; no `end` is sent. */
  readonly sends: boolean
  /** False: the same of the peer's direction. */
  readonly receives: boolean
  /** Bytes that the peer may have on the way to us, to begin with; */
  readonly windowBytes: number
  /** and what that may grow out of, if it may. */
  readonly windowBudget?: WindowBudget
  /** What the peer lets us send from the start. */
  readonly credit: number
  /** Largest payload of one frame that we may send. */
  readonly maxBytes: number
  /** Of a router: the response has as many bytes as its content-length says, or it is cut. */
  readonly checksLength?: boolean
  /**
   * True: the chunks given to `data` are ours to keep. Otherwise they are the caller's again once the microtasks of this
   * turn have run, and what has to wait for longer is copied.
   */
  readonly ownsChunks?: boolean
}
