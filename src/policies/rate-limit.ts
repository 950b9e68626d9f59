import { z } from 'zod'
import { CLOSED_SIDE } from '../exchange/closed-side.ts'
import { ExchangeError } from '../exchange/errors.ts'
import type { Dispatch, RequestHead } from '../exchange/exchange.ts'
import { ClientTables } from './client-tables.ts'
import { definePolicy } from './policy.ts'
import { type BucketSize, TokenBucket, TokenBuckets } from './token-buckets.ts'

const PERIOD_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 }
const RATE = /^([1-9]\d{0,6})\/([smh])$/
const DEFAULT_MAX_CLIENTS = 50_000

/** Limits how many requests come in a time: a token bucket for each client, or one for the route. */
export const rateLimit = definePolicy({
  name: 'rateLimit',
  summary: 'Limits how many requests come in a time, of each client or of all together; more get 429 `rate_limited`.',
  schema: z.strictObject({
    rate: z
      .string()
      .regex(RATE, 'expected a rate such as `100/s`, `30/m` or `1000/h`')
      .describe('Requests in a second, a minute or an hour, such as `100/s`, `30/m`, `1000/h`.'),
    burst: z
      .int()
      .min(1)
      .max(10_000_000)
      .optional()
      .describe('How many may come at once after a pause. Default the number in `rate`.'),
    by: z
      .enum(['ip', 'key', 'subject', 'route'])
      .optional()
      .describe(
        'Whose requests count together: an address’s, a credential’s, a client’s, or all of the route. Default `ip`.',
      ),
    report: z
      .boolean()
      .optional()
      .describe(
        'Tell with each response what is left, in `ratelimit-limit`, `-remaining` and `-reset`, as 429 always does. Default `false`.',
      ),
    maxClients: z
      .int()
      .min(100)
      .max(10_000_000)
      .optional()
      .describe('Clients that have used some of it lately are kept in mind, at most so many. Default 50000.'),
  }),
  create({ rate, burst, by = 'ip', report = false, maxClients = DEFAULT_MAX_CLIENTS }, route, { wheel }) {
    const size = bucketSize(rate, burst)
    const bucketOf = by === 'route' ? ofRoute() : ofClient(new ClientTables(by, () => new TokenBuckets(maxClients)))
    const take = (request: RequestHead): ExchangeError | undefined => {
      const nowMs = wheel.now()
      const bucket = bucketOf(request, nowMs)
      const waitMs = bucket.take(nowMs, size)
      if (report || waitMs > 0) tell(request, bucket, nowMs, size)
      if (waitMs === 0) return undefined
      return new ExchangeError('rate_limited', `over ${rate} by ${by}`, { retryAfterS: Math.ceil(waitMs / 1000) })
    }
    /** Upgrades that have had their token, by which their exchange is paid for. */
    const paid = route.kind === 'ws' ? new WeakSet<RequestHead>() : undefined
    return {
      admit(request) {
        const error = take(request)
        if (error === undefined) paid?.add(request)
        return error
      },
      wrap:
        (next): Dispatch =>
        (request, client) => {
          const error = paid?.delete(request) === true ? undefined : take(request)
          if (error === undefined) return next(request, client)
          client.reset(error)
          return CLOSED_SIDE
        },
    }
  },
})

type BucketOf = (request: RequestHead, nowMs: number) => TokenBucket

function ofRoute(): BucketOf {
  const bucket = new TokenBucket('')
  return () => bucket
}

function ofClient(clients: ClientTables<TokenBuckets>): BucketOf {
  return (request, nowMs) => clients.tableOf(request).of(clients.keyOf(request), nowMs)
}

function bucketSize(rate: string, burst: number | undefined): BucketSize {
  const [, count, unit] = RATE.exec(rate)!
  return { tokenMs: PERIOD_MS[unit!]! / Number(count), tokens: burst ?? Number(count) }
}

/** The fields of draft-ietf-httpapi-ratelimit-headers-06; of several limits, those of the one that has least left. */
function tell(request: RequestHead, bucket: TokenBucket, nowMs: number, size: BucketSize): void {
  const left = bucket.left(nowMs, size)
  const told = request.responseHeaders ?? []
  const at = told.indexOf('ratelimit-remaining')
  if (at >= 0 && Number(told[at + 1]) < left) return
  const others = told.filter((_, i) => !told[i - (i % 2)]!.startsWith('ratelimit-'))
  const resetS = Math.ceil(Math.max(0, bucket.fullAtMs - nowMs) / 1000)
  request.responseHeaders = [
    ...others,
    'ratelimit-limit',
    String(size.tokens),
    'ratelimit-remaining',
    String(left),
    'ratelimit-reset',
    String(resetS),
  ]
}
