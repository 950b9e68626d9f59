import { z } from 'zod'
import { addressKey } from '../exchange/address-key.ts'
import type { RequestHead } from '../exchange/exchange.ts'

/** What makes requests those of one client. */
export type ClientTrait = 'ip' | 'key' | 'subject'

export const clientTraitOption = z.enum(['ip', 'key', 'subject'])

/**
 * A table for the clients that are known by their address, and one for those of each policy that authenticates: nobody
 * gets into another's place by a name that looks like it.
 */
export class ClientTables<Table> {
  readonly #trait: ClientTrait
  readonly #create: () => Table
  readonly #byAddress: Table
  readonly #byPolicy = new WeakMap<object, Table>()

  constructor(trait: ClientTrait, create: () => Table) {
    this.#trait = trait
    this.#create = create
    this.#byAddress = create()
  }

  /** Where the client of a request is, by `keyOf`. */
  tableOf({ identity }: RequestHead): Table {
    if (this.#trait === 'ip' || identity === undefined) return this.#byAddress
    let table = this.#byPolicy.get(identity.policy)
    if (table === undefined) {
      table = this.#create()
      this.#byPolicy.set(identity.policy, table)
    }
    return table
  }

  keyOf({ identity, remote }: RequestHead): string {
    if (this.#trait === 'ip' || identity === undefined) return addressKey(remote)
    return this.#trait === 'key' ? (identity.keyId ?? identity.subjectId) : identity.subjectId
  }
}
