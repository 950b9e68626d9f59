import type { PathPattern } from './path-pattern.ts'
import { PatternError } from './pattern-error.ts'
import { lateParam, type ParamsDocument } from './subject-params.ts'

/** One token of a template. `rest` becomes as many tokens as its capture has segments. */
export type TemplateToken =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'capture'; readonly name: string; readonly rest: boolean }

export type SubjectTemplate = readonly TemplateToken[]

/** Subject plus reply over 4,096 bytes is fatal to a NATS connection, so that subjects stay well below. */
export const MAX_SUBJECT_BYTES = 512

/** What no token may hold: white space, what separates or widens subjects, controls, lossy decoding's mark and what would become it. */
export const NOT_IN_A_TOKEN = /[\s.*>\uFFFD\p{Cc}\p{Cs}]/u

/** Whether a subject that begins with this token belongs to the server (`$SYS`, `$JS`) or to replies (`_INBOX`). */
export function isReservedFirstToken(token: string): boolean {
  return token.startsWith('$') || token === '_INBOX'
}

const CAPTURE = /^\{([a-zA-Z_][a-zA-Z0-9_]*|claims(?:\.[^.{}=\s\p{Cc}]+)+)(\.\.\.)?\}$/u

/** Parses `orders.{region}.create`. Throws PatternError. */
export function parseTemplate(template: string): SubjectTemplate {
  if (template === '') throw new PatternError('a subject is needed, such as `orders.{region}.create`')
  // The dots of `{rest...}` do not separate tokens.
  const tokens = template.split(/\.(?![^{}]*\})/).map(parseToken)
  const first = tokens[0]
  if (first?.kind === 'literal' && isReservedFirstToken(first.text)) {
    throw new PatternError(`subjects that begin with \`${first.text}\` are reserved: clients must not reach them`)
  }
  if (Buffer.byteLength(template) > MAX_SUBJECT_BYTES) {
    throw new PatternError(`a subject has at most ${MAX_SUBJECT_BYTES} bytes`)
  }
  return tokens
}

function parseToken(text: string): TemplateToken {
  const capture = CAPTURE.exec(text)
  if (capture !== null) return { kind: 'capture', name: capture[1]!, rest: capture[2] !== undefined }
  if (text === '') throw new PatternError('there is an empty token: remove the `.` at the start, at the end or of `..`')
  if (/[{}]/.test(text)) throw new PatternError(`\`${text}\`: a parameter is a whole token, as in \`orders.{id}\``)
  if (/[*>]/.test(text)) throw new PatternError(`\`${text}\`: a request goes to one subject, not to a wildcard`)
  if (NOT_IN_A_TOKEN.test(text) || !text.isWellFormed()) {
    throw new PatternError(`\`${text}\` holds white space or a control character`)
  }
  return { kind: 'literal', text }
}

/** Throws PatternError if the template uses a name that neither the path nor `params` has. */
export function assertNamesExist(template: SubjectTemplate, path: PathPattern, params: ParamsDocument = {}): void {
  const captures = path.filter(({ kind }) => kind !== 'literal')
  for (const token of template) {
    if (token.kind === 'literal') continue
    const late = lateParam(token.name, params)
    if (late !== undefined && token.rest)
      throw new PatternError(`\`{${token.name}...}\` is one value: leave the dots out`)
    if (late !== undefined && late.source !== 'path') continue
    const capture = captures.find(({ text }) => text === token.name)
    if (capture === undefined) {
      const known = captures.map(({ text }) => `\`{${text}}\``).join(', ')
      throw new PatternError(`\`{${token.name}}\` is not in the path, which has ${known || 'no parameters'}`)
    }
    if (late !== undefined && capture.kind === 'rest') {
      throw new PatternError(`\`{${token.name}}\` is many segments in the path: a workspace is one`)
    }
    if (token.rest && capture.kind !== 'rest') {
      throw new PatternError(`\`{${token.name}...}\` is one segment in the path: write \`{${token.name}}\``)
    }
  }
}
