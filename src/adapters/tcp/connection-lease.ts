import type { ConnectionLimits, Peer } from '../connection-limits.ts'

/** The place of one TCP connection among all of them, and among those of its client's address. */
export class ConnectionLease {
  readonly #limits: ConnectionLimits
  #isTaken = false
  #peer: Peer | undefined

  constructor(limits: ConnectionLimits) {
    this.#limits = limits
  }

  /** Among all. False: one too many. @param address for the log */
  take(address: string): boolean {
    this.#isTaken = this.#limits.take(address)
    return this.#isTaken
  }

  /** Among those of the client, once its address is known. False: one too many. */
  assign(address: string): boolean {
    const peer = this.#limits.peerOf(address)
    if (peer === undefined) return true
    if (!this.#limits.hasRoom(peer, address)) {
      this.#limits.forget(peer)
      return false
    }
    peer.certain++
    this.#peer = peer
    return true
  }

  /** The connection is gone, or was never taken. */
  release(): void {
    if (this.#isTaken) this.#limits.release()
    this.#isTaken = false
    if (this.#peer === undefined) return
    this.#peer.certain--
    this.#limits.forget(this.#peer)
    this.#peer = undefined
  }
}
