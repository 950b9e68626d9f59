import type { Kind } from './route.ts'

/** An exchange that is under way as an operator sees it, at the moment of asking. */
export interface OpenExchange {
  /** Unique in this process, and growing. */
  readonly number: number
  readonly requestId: string
  /** The name of its route. */
  readonly route: string
  /** The protocol that the client speaks. */
  readonly kind: Kind
  readonly subject: string
  /** The client's address. */
  readonly remote: string
  /** How far it has come: `opened` waits for a backend, `responding` and `streaming` have one. */
  readonly state: string
  readonly ageMs: number
}
