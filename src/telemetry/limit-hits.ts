import { LIMITS, type Limit, type LimitObserver } from '../exchange/limit.ts'
import type { Logger } from '../exchange/logger.ts'
import { LineLimit } from './line-limit.ts'
import type { MetricsWriter } from './metrics-writer.ts'

/** Of one limit. */
const MAX_LINES_PER_SECOND = 1

interface Hits {
  count: number
  readonly lines: LineLimit
}

/** Counts how often clients went over a limit, and logs who did: of each limit a line a second at most. */
export class LimitHits implements LimitObserver {
  readonly #logger: Logger
  readonly #hits: ReadonlyMap<Limit, Hits>

  constructor(logger: Logger, now: () => number = () => performance.now()) {
    this.#logger = logger
    this.#hits = new Map(LIMITS.map((limit) => [limit, { count: 0, lines: new LineLimit(MAX_LINES_PER_SECOND, now) }]))
  }

  onLimit(limit: Limit, remote: string): void {
    const hits = this.#hits.get(limit)!
    hits.count++
    const leftOut = hits.lines.take()
    if (leftOut === undefined) return
    // Balancers that only look whether the port is open do so all the time.
    const level = limit === 'unfinished_head' ? 'debug' : 'info'
    this.#logger[level]({ limit, remote, ...(leftOut > 0 && { leftOut }) }, 'a client is over a limit')
  }

  count(limit: Limit): number {
    return this.#hits.get(limit)!.count
  }

  write(out: MetricsWriter): void {
    const name = 'engine_router_limited_total'
    out.family(name, 'counter', 'Times that a client was over a limit.')
    for (const [limit, { count }] of this.#hits) out.sample(name, { limit }, count)
  }
}
