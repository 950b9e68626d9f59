import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { MetricsWriter } from './metrics-writer.ts'

const RESOLUTION_MS = 10
const QUANTILES = [0.5, 0.9, 0.99, 1]

/** What this process takes of its machine. Samples the event loop until it is closed. */
export class ProcessMetrics {
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  readonly #startedAtS = Date.now() / 1000 - process.uptime()

  constructor() {
    this.#delay.enable()
  }

  /** Begins a new window of the event loop's delays: a scrape has those since the one before. */
  write(out: MetricsWriter): void {
    const { user, system } = process.cpuUsage()
    const { rss, heapUsed, external } = process.memoryUsage()
    out.single('engine_router_cpu_seconds_total', 'counter', 'CPU time, user and system.', (user + system) / 1e6)
    out.single('engine_router_resident_memory_bytes', 'gauge', 'Memory of the process.', rss)
    out.single('engine_router_heap_used_bytes', 'gauge', 'Of it, objects of JavaScript.', heapUsed)
    out.single('engine_router_external_memory_bytes', 'gauge', 'Of it, buffers outside the heap.', external)
    out.single('engine_router_start_time_seconds', 'gauge', 'When it started, since the epoch.', this.#startedAtS)
    const name = 'engine_router_event_loop_lag_seconds'
    out.family(name, 'gauge', 'How late the event loop was, by quantile, since the last scrape.')
    for (const quantile of QUANTILES) out.sample(name, { quantile: String(quantile) }, this.#lagSeconds(quantile))
    this.#delay.reset()
  }

  close(): void {
    this.#delay.disable()
  }

  /** The monitor measures from one tick of its own timer to the next, lag or not. */
  #lagSeconds(quantile: number): number {
    if (this.#delay.count === 0) return 0
    return Math.max(0, this.#delay.percentile(quantile * 100) / 1e9 - RESOLUTION_MS / 1000)
  }
}
