import assert from 'node:assert/strict'

const START = 'HTTP/1.1 '
const STATUS_LINE = /^HTTP\/1\.1 ([1-5]\d\d) [\x20-\x7e]*$/
const FIELD = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ?([\t\x20-\x7e\x80-\xff]*)$/
const CHUNK_SIZE = /^[0-9a-fA-F]{1,8}$/
const SWITCHED = 101

/**
 * Reads what came back on a connection as strictly as a client could, response after response; only the last one may be
 * cut off. Throws if anything of it is no HTTP, or follows the response that says to be the last.
 * @param mayHaveHead a response may be to HEAD, and say how long the body is that it has not
 * @returns the status of each
 */
export function readResponses(bytes: Uint8Array, mayHaveHead: boolean): number[] {
  const text = Buffer.from(bytes).toString('latin1')
  const statuses: number[] = []
  let at = 0
  while (at < text.length) {
    const headEnd = text.indexOf('\r\n\r\n', at)
    if (headEnd < 0) {
      const begun = text.slice(at, at + START.length)
      assert.ok(START.startsWith(begun), `${JSON.stringify(begun)} is where a response should begin`)
      break
    }
    const [statusLine = '', ...lines] = text.slice(at, headEnd).split('\r\n')
    const status = Number(STATUS_LINE.exec(statusLine)?.[1])
    assert.ok(status > 0, `${JSON.stringify(statusLine)} is no status line`)
    statuses.push(status)
    if (status === SWITCHED) break
    const fields = lines.map(readField)
    const bodyAt = headEnd + 4
    const isWithoutBody = mayHaveHead && text.startsWith(START, bodyAt)
    at = status < 200 || status === 204 || status === 304 || isWithoutBody ? bodyAt : bodyEnd(text, bodyAt, fields)
    if (status >= 200 && valuesOf(fields, 'connection').includes('close')) {
      assert.ok(at >= text.length || mayHaveHead, `${JSON.stringify(text.slice(at, at + 100))} is behind the last one`)
      break
    }
  }
  return statuses
}

type Field = readonly [name: string, value: string]

function readField(line: string): Field {
  const [, name, value] = FIELD.exec(line) ?? []
  assert.ok(name !== undefined && value !== undefined, `${JSON.stringify(line)} is no header field`)
  return [name.toLowerCase(), value]
}

function valuesOf(fields: readonly Field[], wanted: string): string[] {
  return fields.filter(([name]) => name === wanted).map(([, value]) => value)
}

/** Behind the text if the body is cut off, or goes on until the connection ends. */
function bodyEnd(text: string, at: number, fields: readonly Field[]): number {
  const lengths = valuesOf(fields, 'content-length')
  const codings = valuesOf(fields, 'transfer-encoding')
  assert.ok(lengths.length + codings.length <= 1, `${lengths} and ${codings}: where does the body end?`)
  if (codings.length === 1) return chunkedEnd(text, at)
  if (lengths.length === 0) return text.length
  assert.match(lengths[0]!, /^\d+$/)
  return at + Number(lengths[0])
}

function chunkedEnd(text: string, from: number): number {
  let at = from
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd < 0) return text.length
    const size = text.slice(at, lineEnd)
    assert.match(size, CHUNK_SIZE)
    at = lineEnd + 2 + Number.parseInt(size, 16)
    if (at === lineEnd + 2) return lastEnd(text, at)
    assert.ok('\r\n'.startsWith(text.slice(at, at + 2)), 'a chunk does not end where it says')
    at += 2
  }
}

/** Of the trailers, which may be none. */
function lastEnd(text: string, at: number): number {
  const end = text.startsWith('\r\n', at) ? at + 2 : text.indexOf('\r\n\r\n', at) + 4
  return end < 4 ? text.length : end
}
