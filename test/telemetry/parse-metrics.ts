export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Family {
  readonly name: string
  readonly type: string
  readonly samples: Sample[]
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const HELP = new RegExp(`^# HELP (${NAME}) (.+)$`)
const TYPE = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram)$`)
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`)
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\\\|\\"|\\n)*)"(,|$)/y
const VALUE = /^[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)$/
const UNESCAPED: Readonly<Record<string, string>> = { '\\\\': '\\', '\\"': '"', '\\n': '\n' }

/**
 * Reads the Prometheus text format 0.0.4 and throws at whatever a scraper might not take: a family without HELP and
 * TYPE or in two places, a sample outside its family, a series twice, a counter below zero, a histogram that is not
 * cumulative or whose parts do not agree.
 */
export function parseMetrics(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end')
  const families = new Map<string, Family>()
  const series = new Set<string>()
  let helped: string | undefined
  let family: Family | undefined
  for (const line of text.slice(0, -1).split('\n')) {
    const fail = (why: string): never => {
      throw new Error(`${why}: ${line}`)
    }
    const help = HELP.exec(line)
    const type = TYPE.exec(line)
    if (help !== null) {
      helped = help[1]!
    } else if (type !== null) {
      const name = type[1]!
      if (name !== helped || families.has(name)) fail('TYPE has to follow HELP, once')
      family = { name, type: type[2]!, samples: [] }
      families.set(name, family)
    } else {
      const sample = parseSample(line) ?? fail('not a line of the format')
      if (family === undefined || !belongs(sample, family)) return fail('a sample outside its family')
      const key = keyOf(sample)
      if (series.has(key)) fail('the series is there twice')
      series.add(key)
      if (family.type !== 'gauge' && sample.value < 0) fail('below zero')
      family.samples.push(sample)
    }
  }
  for (const each of families.values()) if (each.type === 'histogram') checkHistogram(each)
  return families
}

/** The value of one series; undefined if there is none. */
export function metricValue(families: ReadonlyMap<string, Family>, name: string, labels: Sample['labels'] = {}) {
  const wanted = keyOf({ name, labels, value: 0 })
  for (const { samples } of families.values()) {
    for (const sample of samples) if (keyOf(sample) === wanted) return sample.value
  }
  return undefined
}

function keyOf({ name, labels }: Sample): string {
  return JSON.stringify([name, Object.entries(labels).sort()])
}

function parseSample(line: string): Sample | undefined {
  const match = SAMPLE.exec(line)
  if (match === null || !VALUE.test(match[3]!)) return undefined
  const text = match[2] ?? ''
  const labels: Record<string, string> = {}
  LABEL.lastIndex = 0
  while (LABEL.lastIndex < text.length) {
    const label = LABEL.exec(text)
    if (label === null || label[1]! in labels) return undefined
    labels[label[1]!] = label[2]!.replace(/\\[\\"n]/g, (sequence) => UNESCAPED[sequence]!)
  }
  return { name: match[1]!, labels, value: Number(match[3]!.replace('Inf', 'Infinity')) }
}

function belongs({ name, labels }: Sample, family: Family): boolean {
  if (family.type !== 'histogram') return name === family.name
  const suffix = name.startsWith(`${family.name}_`) ? name.slice(family.name.length + 1) : ''
  return suffix === 'bucket' ? 'le' in labels : suffix === 'sum' || suffix === 'count'
}

function checkHistogram({ name, samples }: Family): void {
  const bySeries = new Map<string, { buckets: (readonly [number, number])[]; sum?: number; count?: number }>()
  for (const sample of samples) {
    const { le, ...labels } = sample.labels
    const key = JSON.stringify(Object.entries(labels).sort())
    const one = bySeries.get(key) ?? { buckets: [] }
    bySeries.set(key, one)
    if (sample.name === `${name}_bucket`) one.buckets.push([Number(le!.replace('Inf', 'Infinity')), sample.value])
    else if (sample.name === `${name}_sum`) one.sum = sample.value
    else one.count = sample.value
  }
  for (const [key, { buckets, sum, count }] of bySeries) {
    const rises = buckets.every(([bound, value], i) => {
      const before = buckets[i - 1]
      return before === undefined || (bound > before[0] && value >= before[1])
    })
    const last = buckets.at(-1)
    if (!rises || last?.[0] !== Number.POSITIVE_INFINITY || last[1] !== count || sum === undefined) {
      throw new Error(`${name} ${key} is not a histogram: ${JSON.stringify({ buckets, sum, count })}`)
    }
  }
}
