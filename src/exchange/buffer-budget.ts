import { addressKey } from './address-key.ts'
import { DEAF_LIMIT_OBSERVER, type Limit, type LimitObserver } from './limit.ts'

/** Counts bytes that wait. Whoever keeps some says so, and says when they are gone. */
export interface ByteBudget {
  /**
   * Counts a change in any case. False: it is more, and too much; what they are kept for is to fail.
   * @param remote the client's address
   */
  hold(changeBytes: number, remote: string): boolean
}

export interface BufferBudgetOptions {
  readonly maxBytes: number
  /** Of one address: see `addressKey`. */
  readonly maxBytesPerAddress: number
  /** Of one connection with many exchanges: see `forConnection`. */
  readonly maxBytesPerConnection: number
  /** Proxies stand for many clients, and may have what all together may. */
  readonly isProxy: (address: string) => boolean
  readonly observer: LimitObserver
}

const UNLIMITED: BufferBudgetOptions = {
  maxBytes: Infinity,
  maxBytesPerAddress: Infinity,
  maxBytesPerConnection: Infinity,
  isProxy: () => false,
  observer: DEAF_LIMIT_OBSERVER,
}

/**
 * How many bytes wait in the process, since one end is slower than the other: of all clients together, and of each address,
 * so that no client takes the room of all others. Holds addresses with bytes and no others.
 */
export class BufferBudget implements ByteBudget {
  readonly #options: BufferBudgetOptions
  readonly #ofAddress = new Map<string, number>()
  #heldBytes = 0

  constructor(options: Partial<BufferBudgetOptions> = {}) {
    this.#options = { ...UNLIMITED, ...options }
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Addresses for which something waits. */
  get addresses(): number {
    return this.#ofAddress.size
  }

  hold(changeBytes: number, remote: string): boolean {
    const { maxBytes, maxBytesPerAddress, isProxy } = this.#options
    this.#heldBytes += changeBytes
    const ofAddress = this.#count(changeBytes, addressKey(remote))
    if (changeBytes <= 0) return true
    if (this.#heldBytes > maxBytes) return this.#refuse('buffered_bytes', remote)
    if (ofAddress <= maxBytesPerAddress || isProxy(remote)) return true
    return this.#refuse('buffered_bytes_per_ip', remote)
  }

  /** For one whose exchanges each keep some: those count here, and together. */
  forConnection(): ByteBudget {
    let heldBytes = 0
    return {
      hold: (changeBytes, remote) => {
        heldBytes += changeBytes
        if (!this.hold(changeBytes, remote)) return false
        if (changeBytes <= 0 || heldBytes <= this.#options.maxBytesPerConnection) return true
        return this.#refuse('buffered_bytes_per_connection', remote)
      },
    }
  }

  #count(changeBytes: number, key: string): number {
    const bytes = (this.#ofAddress.get(key) ?? 0) + changeBytes
    if (bytes === 0) this.#ofAddress.delete(key)
    else this.#ofAddress.set(key, bytes)
    return bytes
  }

  #refuse(limit: Limit, remote: string): false {
    this.#options.observer.onLimit(limit, remote)
    return false
  }
}
