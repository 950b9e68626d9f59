import { z } from 'zod'
import { CLOSED_SIDE } from '../exchange/closed-side.ts'
import { ExchangeError } from '../exchange/errors.ts'
import type { BackendSide, ClientSide, Dispatch } from '../exchange/exchange.ts'
import { ClientTables, clientTraitOption } from './client-tables.ts'
import { definePolicy } from './policy.ts'
import { type ExchangeWatcher, watchExchange } from './watched-exchange.ts'

const limitOption = z.int().min(1).max(1_000_000)

/** Bounds how many exchanges are open at once, of a route and of one client on it. */
export const concurrency = definePolicy({
  name: 'concurrency',
  summary: 'Bounds how many exchanges are open at once, of the route and of one client on it.',
  schema: z
    .strictObject({
      max: limitOption.optional().describe('Of the route; one more gets 503 `busy`.'),
      maxPerClient: limitOption.optional().describe('Of one client; one more gets 429 `rate_limited`.'),
      by: clientTraitOption
        .optional()
        .describe('What makes one client: its address, the credential that it shows, or who it is. Default `ip`.'),
    })
    .superRefine(({ max, maxPerClient, by }, context) => {
      const complain = (message: string) => context.addIssue({ code: 'custom', message })
      if (max === undefined && maxPerClient === undefined) complain('expected `max`, `maxPerClient` or both')
      if (by !== undefined && maxPerClient === undefined) complain('`by` goes with `maxPerClient`')
    }),
  create({ max = Number.POSITIVE_INFINITY, maxPerClient, by = 'ip' }, route) {
    const total = new OpenCount()
    const clients = maxPerClient === undefined ? undefined : new ClientTables<ClientCounts>(by, () => new Map())
    return {
      wrap:
        (next): Dispatch =>
        (request, client) => {
          let count = total
          if (clients !== undefined) {
            const counts = clients.tableOf(request)
            const key = clients.keyOf(request)
            const known = counts.get(key)
            if (known !== undefined && known.open >= maxPerClient!) return refuse(client, overOwnLimit(maxPerClient!))
            // Entered with the first exchange, below: a request that the route refuses leaves nothing behind.
            count = known ?? new ClientCount(total, counts, key)
          }
          if (total.open >= max) return refuse(client, overLimit(max))
          count.begin()
          return watchExchange(next, request, client, route, count)
        },
    }
  },
})

class OpenCount implements ExchangeWatcher {
  open = 0

  begin(): void {
    this.open++
  }

  onOver(): void {
    this.open--
  }
}

type ClientCounts = Map<string, ClientCount>

/** Of one client that has something open: in the table from its first exchange to the end of its last. */
class ClientCount implements ExchangeWatcher {
  readonly #total: OpenCount
  readonly #counts: ClientCounts
  readonly #key: string
  open = 0

  constructor(total: OpenCount, counts: ClientCounts, key: string) {
    this.#total = total
    this.#counts = counts
    this.#key = key
  }

  begin(): void {
    this.#total.begin()
    if (this.open++ === 0) this.#counts.set(this.#key, this)
  }

  onOver(): void {
    this.#total.onOver()
    if (--this.open === 0) this.#counts.delete(this.#key)
  }
}

function overLimit(max: number): ExchangeError {
  return new ExchangeError('busy', `the route has ${max} exchanges open, which is its limit`)
}

function overOwnLimit(max: number): ExchangeError {
  const detail = 'Too much of this client is under way'
  return new ExchangeError('rate_limited', `the client has ${max} exchanges open, which is its limit`, { detail })
}

function refuse(client: ClientSide, error: ExchangeError): BackendSide {
  client.reset(error)
  return CLOSED_SIDE
}
