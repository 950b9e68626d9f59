import type { Labels, MetricsWriter } from './metrics-writer.ts'

/** A Prometheus histogram with fixed upper bounds. */
export class Histogram {
  readonly #bounds: readonly number[]
  /** One more than bounds: the last counts what is beyond them all. */
  readonly #counts: Float64Array
  #sum = 0

  /** @param bounds ascending, in the unit that is observed */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  observe(value: number): void {
    const bounds = this.#bounds
    let i = 0
    while (i < bounds.length && value > bounds[i]!) i++
    this.#counts[i]!++
    this.#sum += value
  }

  write(out: MetricsWriter, name: string, labels: Labels): void {
    let total = 0
    for (let i = 0; i < this.#counts.length; i++) {
      total += this.#counts[i]!
      out.sample(`${name}_bucket`, { ...labels, le: i < this.#bounds.length ? String(this.#bounds[i]) : '+Inf' }, total)
    }
    out.sample(`${name}_sum`, labels, this.#sum)
    out.sample(`${name}_count`, labels, total)
  }
}
