import type { Random } from './random.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** After a reconnect, for interest to spread. */
const SPREAD_MS = 250
/** What cannot go on for this long is given up. */
const MAX_OUTAGE_MS = 10_000

/** An exchange of a process, which loses NATS with it. */
export interface Tenant {
  suspend(): void
  resume(): void
  giveUp(): void
}

/** A router or a backend with its one connection to NATS. */
export class Process {
  readonly #tenants: Tenant[] = []
  #alive = true
  #connected = true

  get alive(): boolean {
    return this.#alive
  }

  get reachable(): boolean {
    return this.#alive && this.#connected
  }

  add(tenant: Tenant): void {
    this.#tenants.push(tenant)
    if (!this.#connected) tenant.suspend()
  }

  /** Ends without a word. Another that takes its place knows nothing of these exchanges and has another inbox. */
  kill(): void {
    this.#alive = false
  }

  loseConnection(clock: VirtualClock, random: Random): void {
    this.loseConnectionFor(clock, random.below(random.pick([500, 5000, 2 * MAX_OUTAGE_MS])))
  }

  loseConnectionFor(clock: VirtualClock, outageMs: number): void {
    this.#connected = false
    for (const tenant of this.#tenants) tenant.suspend()
    if (outageMs > MAX_OUTAGE_MS) clock.after(MAX_OUTAGE_MS, () => this.#each((tenant) => tenant.giveUp()))
    clock.after(outageMs, () => {
      this.#connected = true
    })
    clock.after(outageMs + SPREAD_MS, () => this.#each((tenant) => tenant.resume()))
  }

  #each(act: (tenant: Tenant) => void): void {
    if (this.#alive) for (const tenant of this.#tenants) act(tenant)
  }
}
