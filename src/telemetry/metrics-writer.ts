export type Labels = Readonly<Record<string, string>>

/** Writes the Prometheus text format, version 0.0.4. */
export class MetricsWriter {
  static readonly contentType = 'text/plain; version=0.0.4; charset=utf-8'
  #text = ''

  /** Begins a metric; its samples follow at once. */
  family(name: string, type: 'counter' | 'gauge' | 'histogram', help: string): void {
    this.#text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
  }

  sample(name: string, labels: Labels, value: number): void {
    let list = ''
    for (const key in labels) list += `${list === '' ? '' : ','}${key}="${escapeLabel(labels[key]!)}"`
    this.#text += `${name}${list === '' ? '' : `{${list}}`} ${value}\n`
  }

  /** A gauge or counter without labels, in one call. */
  single(name: string, type: 'counter' | 'gauge', help: string, value: number): void {
    this.family(name, type, help)
    this.sample(name, {}, value)
  }

  toString(): string {
    return this.#text
  }
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}
