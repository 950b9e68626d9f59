import type { ReceivedSpan, SpanEvent } from '../telemetry/otlp-spans.ts'
import { alignColumns, type Style } from './print.ts'

/** A trace as lines of text: each span below its parent, with its program, its begin and how long it took. */
export function renderTrace(
  root: ReceivedSpan,
  spans: readonly ReceivedSpan[],
  paint: (style: Style, text: string) => string,
): string[] {
  const rows: { readonly cells: readonly string[]; readonly style: Style | undefined }[] = []
  // Ids come from outside, and could lead round in a circle.
  const seen = new Set<ReceivedSpan>()
  const add = (span: ReceivedSpan, branch: string, indent: string) => {
    seen.add(span)
    rows.push({
      cells: [
        `${branch}${printable(span.name)}`,
        printable(String(span.resource['service.name'] ?? '')),
        formatMs(span.startNs - root.startNs, '+'),
        formatMs(span.endNs - span.startNs),
        outcomeOf(span),
      ],
      style: span.failed ? 'red' : undefined,
    })
    const children = childrenOf(span, spans).filter((child) => !seen.has(child))
    for (const event of span.events) {
      const at = formatMs(event.timeNs - root.startNs, '+')
      rows.push({
        cells: [`${indent}${children.length > 0 ? '│' : ' '}  ${describeEvent(event)}`, '', at],
        style: 'dim',
      })
    }
    children.forEach((child, index) => {
      const isLast = index === children.length - 1
      add(child, `${indent}${isLast ? '└─ ' : '├─ '}`, `${indent}${isLast ? '   ' : '│  '}`)
    })
  }
  add(root, '', '')
  return alignColumns(rows.map(({ cells }) => cells)).map((line, index) => {
    const style = rows[index]?.style
    return style === undefined ? line : paint(style, line)
  })
}

/** In the order in which they began. */
function childrenOf(parent: ReceivedSpan, spans: readonly ReceivedSpan[]): ReceivedSpan[] {
  return spans
    .filter(({ parentSpanId }) => parentSpanId === parent.spanId)
    .sort((a, b) => Number(a.startNs - b.startNs))
}

function outcomeOf({ attributes }: ReceivedSpan): string {
  const status = attributes['http.response.status_code']
  const error = attributes['error.type']
  return printable(
    [status, error === String(status) ? undefined : error].filter((part) => part !== undefined).join(' '),
  )
}

function describeEvent({ name, attributes }: SpanEvent): string {
  const details = Object.entries(attributes)
    .filter(([key]) => key !== 'exception.stacktrace')
    .map(([key, value]) => `${key}=${value}`)
  return printable([name, ...details].join(' '))
}

function formatMs(ns: bigint, sign = ''): string {
  return `${sign}${(Number(ns) / 1e6).toFixed(1)} ms`
}

/** What programs call their spans is no reason to let it steer the terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '?')
}
