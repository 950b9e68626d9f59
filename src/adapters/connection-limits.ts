import { addressKey } from '../exchange/address-key.ts'
import type { LimitObserver } from '../exchange/limit.ts'

export interface ConnectionLimitsOptions {
  /** Open at once, of all listeners together. */
  readonly maxConnections: number
  /** Of one address: see `addressKey`. */
  readonly maxPerAddress: number
  /** Proxies stand for many clients, and are not limited. */
  readonly isProxy: (address: string) => boolean
  readonly observer: LimitObserver
}

/** The connections of one client address. */
export interface Peer {
  readonly key: string
  /** Open for sure: TCP, WebSockets, and HTTP with a request under way. */
  certain: number
  /** HTTP connections without a request under way. Which of them close is not always known: see `WebConnections`. */
  quiet: number
  /** Of those from the term before. */
  quietBefore: number
}

/**
 * How many connections clients have open, in all and by address, whatever they speak. Holds addresses with connections
 * and no others.
 */
export class ConnectionLimits {
  readonly #options: ConnectionLimitsOptions
  readonly #peers = new Map<string, Peer>()
  #connections = 0
  /** Quiet connections that have closed, and whose they were is not known: `WebConnections` keeps count of them. */
  doubtful = 0

  constructor(options: ConnectionLimitsOptions) {
    this.#options = options
  }

  /** Connections open. */
  get connections(): number {
    return this.#connections
  }

  /** Addresses with a connection. */
  get peers(): ReadonlyMap<string, Peer> {
    return this.#peers
  }

  /** False: one too many, in all. Call `release` for each that was taken. @param address for the log */
  take(address: string): boolean {
    const { maxConnections, observer } = this.#options
    if (this.#connections >= maxConnections) {
      observer.onLimit('connections', address)
      return false
    }
    this.#connections++
    return true
  }

  release(): void {
    this.#connections--
  }

  /** What is open of an address; undefined: it is a proxy's. Follow it with a change of one of its counts, or `forget`. */
  peerOf(address: string): Peer | undefined {
    if (this.#options.isProxy(address)) return undefined
    const key = addressKey(address)
    let peer = this.#peers.get(key)
    if (peer === undefined) {
      peer = { key, certain: 0, quiet: 0, quietBefore: 0 }
      this.#peers.set(key, peer)
    }
    return peer
  }

  /** Whether a client may have one more connection. */
  hasRoom(peer: Peer, address: string): boolean {
    const { maxPerAddress, observer } = this.#options
    const quiet = peer.quiet + peer.quietBefore - this.doubtful
    const open = peer.certain + Math.max(0, quiet)
    if (open < maxPerAddress) return true
    observer.onLimit('connections_per_ip', address)
    return false
  }

  /** If nothing of it is open. */
  forget(peer: Peer): void {
    if (peer.certain + peer.quiet + peer.quietBefore === 0) this.#peers.delete(peer.key)
  }
}
