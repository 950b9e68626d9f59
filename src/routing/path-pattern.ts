import { PatternError } from './pattern-error.ts'
import { decodePercent } from './percent.ts'

/** One segment of a path pattern. `rest` is the last one and stands for one or more segments. */
export interface PathSegment {
  readonly kind: 'literal' | 'param' | 'rest'
  /** Of a literal: the text after percent-decoding. Else the name. */
  readonly text: string
}

/** `/` is one empty segment, `/a/` is `a` and an empty one: nothing is normalised. */
export type PathPattern = readonly PathSegment[]

const MAX_SEGMENTS = 64
const CAPTURE = /^\{([a-zA-Z_][a-zA-Z0-9_]*)(\.\.\.)?\}$/

/** Parses `/orders/{region}/{rest...}`. Throws PatternError. */
export function parsePath(pattern: string): PathPattern {
  if (!pattern.startsWith('/')) throw new PatternError('a path begins with `/`')
  if (/[?#]/.test(pattern)) throw new PatternError('leave out the query and the fragment: only the path is matched')
  const texts = pattern.slice(1).split('/')
  if (texts.length > MAX_SEGMENTS) throw new PatternError(`a path has at most ${MAX_SEGMENTS} segments`)
  const segments = texts.map((text, index) => parseSegment(text, index === texts.length - 1))
  assertDistinctNames(segments)
  return segments
}

function parseSegment(text: string, last: boolean): PathSegment {
  const capture = CAPTURE.exec(text)
  if (capture === null) return { kind: 'literal', text: parseLiteral(text, last) }
  const name = capture[1]!
  if (capture[2] === undefined) return { kind: 'param', text: name }
  if (!last) throw new PatternError(`\`${text}\` must be the last segment: it takes the whole rest of the path`)
  return { kind: 'rest', text: name }
}

function parseLiteral(text: string, last: boolean): string {
  if (text === '' && !last) throw new PatternError('there is an empty segment: remove one `/` of `//`')
  if (/[{}]/.test(text)) throw new PatternError(`\`${text}\`: ${captureAdvice(text)}`)
  if (text.includes('*')) {
    throw new PatternError(`\`${text}\`: write \`{name}\` for one segment, \`{rest...}\` for all that remain`)
  }
  if (/\s/.test(text)) throw new PatternError(`\`${text}\` holds white space: write a space as \`%20\``)
  const decoded = decodePercent(text)
  if (decoded === undefined) throw new PatternError(`\`${text}\` is not percent-encoded UTF-8; write \`%\` as \`%25\``)
  if (/\p{Cc}/u.test(decoded) || !decoded.isWellFormed()) {
    throw new PatternError(`\`${text}\` holds a control character or half a surrogate pair`)
  }
  if (decoded === '.' || decoded === '..') {
    throw new PatternError(`clients resolve \`${text}\` before they send a path: write the path without it`)
  }
  return decoded
}

function captureAdvice(text: string): string {
  if (/^\{(\.\.\.)?\}$/.test(text)) return 'a parameter needs a name, as in `{id}`'
  if (/^\{[^{}]*\}$/.test(text)) return 'a name holds letters, digits and `_`, and does not begin with a digit'
  return 'a parameter is a whole segment, as in `/{id}/`'
}

function assertDistinctNames(segments: PathPattern): void {
  const seen = new Set<string>()
  for (const { kind, text } of segments) {
    if (kind === 'literal') continue
    if (seen.has(text)) throw new PatternError(`the name \`${text}\` is used twice: give each parameter its own`)
    seen.add(text)
  }
}
