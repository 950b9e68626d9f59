/** Values by name and labels, as `GET /metrics` has them: `name{label="value"}`. */
export class MetricSamples {
  readonly #families = new Map<
    string,
    { readonly labels: Readonly<Record<string, string>>; readonly value: number }[]
  >()

  /** @param text in the Prometheus text format; what is no sample is passed over */
  constructor(text: string) {
    for (const line of text.split('\n')) {
      const [, name, list = '', value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
      if (name === undefined) continue
      const labels = Object.fromEntries([...list.matchAll(/(\w+)="([^"\\]*)"/g)].map(([, key, text]) => [key, text]))
      const family = this.#families.get(name) ?? []
      this.#families.set(name, family)
      family.push({ labels, value: Number(value) })
    }
  }

  /** Of all samples that have these labels, and may have others. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    let sum = 0
    for (const sample of this.#families.get(name) ?? []) {
      if (Object.entries(labels).every(([key, value]) => sample.labels[key] === value)) sum += sample.value
    }
    return sum
  }

  /** Of a label, all values, in the order of the text. */
  labelValues(name: string, label: string): string[] {
    const values = (this.#families.get(name) ?? []).flatMap(({ labels }) => labels[label] ?? [])
    return [...new Set(values)]
  }
}
