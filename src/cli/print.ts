/** How verbs print: tables for people, one JSON document for programs. */
import type { Io } from './verb.ts'

type Output = NodeJS.WritableStream & { isTTY?: boolean }

const STYLES = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39] } as const

export type Style = keyof typeof STYLES

/** Colours text for one stream: only on a terminal, and only if NO_COLOR is unset or empty. */
export function createPaint(output: Output, env: NodeJS.ProcessEnv): (style: Style, text: string) => string {
  if (!output.isTTY || env.NO_COLOR) return (_style, text) => text
  return (style, text) => `\x1b[${STYLES[style][0]}m${text}\x1b[${STYLES[style][1]}m`
}

/** Prints one line of text on standard output. */
export function printLine(io: Io, line: string): void {
  io.stdout.write(`${line}\n`)
}

/** Prints one JSON document, the only thing that a verb with `--json` writes to standard output. */
export function printJson(io: Io, value: unknown): void {
  io.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`)
}

/** Prints rows in aligned columns under a head. */
export function printTable(io: Io, head: readonly string[], rows: readonly (readonly string[])[]): void {
  const paint = createPaint(io.stdout, io.env)
  const [first = '', ...rest] = alignColumns([head, ...rows])
  io.stdout.write(`${[paint('bold', first), ...rest].join('\n')}\n`)
}

/** One line a row, cells padded to the widest of their column and two spaces apart, without trailing space. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length)
    })
  }
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
