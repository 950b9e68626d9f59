import type { LimitObserver } from '../exchange/limit.ts'
import type { ConnectionLimits, Peer } from './connection-limits.ts'

/**
 * uWebSockets closes a connection without a request under way after 12 seconds at most, so that what was quiet for a whole
 * term is not there any more, or not quiet.
 */
const TERM_MS = 16_000

export interface WebConnectionsOptions {
  readonly limits: ConnectionLimits
  readonly observer: LimitObserver
}

/**
 * The connections of a web listener, by the address of their client.
 *
 * uWebSockets tells that a connection has closed and not which one. It is known if it had not sent a request yet, had one
 * under way, or was a WebSocket; not if it was between two requests. Such a close is put down to an address when only one
 * has connections, and is otherwise in doubt until the connections of its term do not count anyway: meanwhile each address
 * is given the benefit of it, so that a client may get a few connections too many but never too few. Quiet connections less
 * those in doubt are always as many as are open, which is why those of proxies are counted too.
 */
export class WebConnections {
  readonly #limits: ConnectionLimits
  readonly #observer: LimitObserver
  /** Of proxies, all together: they are not limited. */
  readonly #proxied: Peer = { key: '', certain: 0, quiet: 0, quietBefore: 0 }
  #open = 0
  #refused = 0
  #isRefusing = false
  #settling: NodeJS.Immediate | undefined
  #term: NodeJS.Timeout | undefined

  constructor({ limits, observer }: WebConnectionsOptions) {
    this.#limits = limits
    this.#observer = observer
  }

  get open(): number {
    return this.#open
  }

  /** Closed because there were too many. */
  get refused(): number {
    return this.#refused
  }

  close(): void {
    clearImmediate(this.#settling)
    clearInterval(this.#term)
  }

  // uWebSockets speaks.

  /** A connection was accepted. False: one too many, to be closed inside of `refuse`. */
  onOpened(address: string): boolean {
    if (!this.#limits.take(address)) return false
    const peer = this.#limits.peerOf(address)
    // What has closed just now is settled later otherwise.
    if (this.#limits.doubtful > 0) this.#settle()
    if (peer !== undefined && !this.#limits.hasRoom(peer, address)) {
      this.#limits.forget(peer)
      this.#limits.release()
      return false
    }
    this.#open++
    const counted = peer ?? this.#proxied
    counted.quiet++
    this.#term ??= setInterval(() => this.#onTerm(), TERM_MS).unref()
    return true
  }

  /** @param close does it, which uWebSockets tells of while it does */
  refuse(close: () => void): void {
    this.#refused++
    this.#isRefusing = true
    close()
    this.#isRefusing = false
  }

  /** A connection has closed that was not upgraded. `onUnused` or `onLost` come right before or after, if it was such. */
  onClosed(): void {
    if (this.#isRefusing) return
    this.#open--
    this.#limits.release()
    this.#limits.doubtful++
    this.#settling ??= setImmediate(() => this.#settle())
  }

  /** A connection has closed before its first request. */
  onUnused(address: string): void {
    this.#observer.onLimit('unfinished_head', address)
    this.#limits.doubtful--
    const peer = this.#limits.peerOf(address)
    leave(peer ?? this.#proxied)
    if (peer !== undefined) this.#limits.forget(peer)
  }

  // Requests speak.

  /** A request has come. Followed by one of the others, with what this gives. */
  onRequest(address: string): Peer | undefined {
    const peer = this.#limits.peerOf(address)
    leave(peer ?? this.#proxied)
    if (peer !== undefined) peer.certain++
    return peer
  }

  /** It has its response, and the connection is there for another one, or is about to be closed. */
  onAnswered(peer: Peer | undefined): void {
    if (peer === undefined) {
      this.#proxied.quiet++
      return
    }
    peer.certain--
    peer.quiet++
  }

  /** The connection has closed in the middle of it. */
  onLost(peer: Peer | undefined): void {
    this.#limits.doubtful--
    if (peer !== undefined) this.#leaveCertain(peer)
  }

  /** It had become a WebSocket, which has closed: uWebSockets counts it in, but not out. */
  onUpgradedClosed(peer: Peer | undefined): void {
    this.#open--
    this.#limits.release()
    if (peer !== undefined) this.#leaveCertain(peer)
  }

  #leaveCertain(peer: Peer): void {
    peer.certain--
    this.#limits.forget(peer)
  }

  /** Whose the doubtful ones were, where that is plain. */
  #settle(): void {
    this.#settling = undefined
    const limits = this.#limits
    const proxied = this.#proxied
    const others = proxied.quiet + proxied.quietBefore > 0 ? 1 : 0
    if (this.#open > 0 && limits.peers.size + others > 1) return
    for (const peer of [...limits.peers.values(), proxied]) {
      this.#forgetQuiet(peer, this.#open === 0 ? 0 : peer.quiet + peer.quietBefore - limits.doubtful)
    }
    limits.doubtful = 0
    if (this.#open > 0) return
    clearInterval(this.#term)
    this.#term = undefined
  }

  #onTerm(): void {
    let gone = 0
    for (const peer of [...this.#limits.peers.values(), this.#proxied]) {
      gone += peer.quietBefore
      peer.quietBefore = peer.quiet
      peer.quiet = 0
      this.#limits.forget(peer)
    }
    // Those have closed, each of them in doubt: which it was is settled with that.
    this.#limits.doubtful = Math.max(0, this.#limits.doubtful - gone)
    if (this.#open === 0) this.#settle()
  }

  /** All but so many, which are the youngest. */
  #forgetQuiet(peer: Peer, left: number): void {
    peer.quiet = Math.min(peer.quiet, Math.max(0, left))
    peer.quietBefore = Math.max(0, left - peer.quiet)
    this.#limits.forget(peer)
  }
}

/** One of the quiet ones is not quiet any more: an old one, as far as anybody knows. */
function leave(peer: Peer): void {
  if (peer.quietBefore > 0) peer.quietBefore--
  else if (peer.quiet > 0) peer.quiet--
}
