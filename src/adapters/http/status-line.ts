import { STATUS_CODES } from 'node:http'

const LINES = new Map<number, string>()

/** `404 Not Found`: what follows the version in a status line. */
export function statusLine(status: number): string {
  let line = LINES.get(status)
  if (line === undefined) {
    line = `${status} ${STATUS_CODES[status] ?? 'Unknown'}`
    LINES.set(status, line)
  }
  return line
}
