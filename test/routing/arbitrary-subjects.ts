/** Templates of subjects, with the path they go with, and what hostile clients put into a path. */
import fc from 'fast-check'

export interface ArbitraryTemplate {
  readonly pattern: string
  readonly template: string
}

const LITERALS = ['x', 'orders', 'v1', 'é', '$', 'a-b_c', '_INBOX2']

/** A path of one or more parameters and perhaps a rest, and a template of them in any order, as often as it likes. */
export const arbitraryTemplate: fc.Arbitrary<ArbitraryTemplate> = fc
  .record({
    params: fc.integer({ min: 1, max: 4 }),
    rest: fc.boolean(),
    tokens: fc.array(
      fc.oneof(
        fc.constantFrom(...LITERALS),
        fc.nat(9).map((index) => index),
      ),
      { minLength: 1, maxLength: 6 },
    ),
    dots: fc.boolean(),
  })
  .map(({ params, rest, tokens, dots }) => {
    const names = Array.from({ length: params }, (_, index) => `p${index}`)
    if (rest) names.push('rest')
    const capture = (name: string) => (name === 'rest' && dots ? '{rest...}' : `{${name}}`)
    const subject = tokens.map((token) => (typeof token === 'string' ? token : capture(names[token % names.length]!)))
    return {
      pattern: `/${names.map((name) => (name === 'rest' ? '{rest...}' : `{${name}}`)).join('/')}`,
      // Subjects that begin with `$` are reserved.
      template: subject[0] === '$' ? `x.${subject.join('.')}` : subject.join('.'),
    }
  })

const SHARP = '* > . .. %2A %3E %2e %00 %0D%0A %20 %09 % %C2%A0 %E2%80%A8 %EF%BF%BD $SYS %24JS _INBOX _INBOX.x'.split(
  ' ',
)

/** One segment of a path as a client sends it, more often hostile than not. */
export const hostileSegment: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...SHARP),
  fc.string({ maxLength: 6 }).map((text) => encodeURIComponent(text)),
  fc.string({ unit: 'grapheme', maxLength: 4 }).map((text) => encodeURIComponent(text)),
  fc.stringMatching(/^(%[0-9a-f]{2}|[!-.0-~]){0,4}$/),
  { weight: 3, arbitrary: fc.constantFrom('a', 'eu', '7', 'x'.repeat(120)) },
)
