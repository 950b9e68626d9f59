import assert from 'node:assert/strict'
import { parseTemplate } from '../../src/routing/subject-template.ts'

/** What a client's value may become: no separator, wildcard, white space, control character or lossy decoding's mark. */
const TOKEN = /^[^\s.*>\uFFFD\p{Cc}]+$/u
/** Subject plus reply over 4,096 bytes is fatal to a NATS connection; ours stay far below. */
const MAX_BYTES = 512

/**
 * Fails unless the subject has exactly the tokens of the template: its literals as they are and one for each value,
 * wherever the values come from. For whatever renders subjects.
 * @param segments how many tokens a value becomes that may be more than one, by its name
 */
export function assertSubjectShape(
  template: string,
  subject: string,
  segments: Readonly<Record<string, number>> = {},
): void {
  const tokens = subject.split('.')
  let at = 0
  for (const part of parseTemplate(template)) {
    if (part.kind === 'literal') {
      assert.equal(tokens[at++], part.text, `${subject} has not the tokens of ${template}`)
      continue
    }
    for (let count = segments[part.name] ?? 1; count > 0; count--) {
      assert.match(tokens[at++] ?? '', TOKEN, `${JSON.stringify(subject)} as ${template}`)
    }
  }
  assert.equal(tokens.length, at, `${subject} has not as many tokens as ${template}`)
  // Those of the server and of replies.
  assert.ok(!tokens[0]!.startsWith('$') && tokens[0] !== '_INBOX', `${subject} is reserved`)
  assert.ok(subject.isWellFormed() && Buffer.byteLength(subject) <= MAX_BYTES, `${subject.length} characters`)
}
