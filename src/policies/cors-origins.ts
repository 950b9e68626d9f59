import { z } from 'zod'

const EXPECTED =
  'expected an origin as browsers send it, such as `https://app.example.com`, `https://*.example.com` or `*`'
/** In lower case, without a path. What is no URL of the web has no default port, and no form that URL knows. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::\d{1,5})?$/
/** The labels that a `*` stands for. */
const LABELS = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/

export const originOption = z.string().max(300).refine(isOriginPattern, EXPECTED)

function isOriginPattern(text: string): boolean {
  if (text === '*') return true
  const origin = text.replace('://*.', '://')
  if (!ORIGIN.test(origin)) return false
  // Such a one would never be equal to what a browser sends.
  return !/^https?:/.test(origin) || (URL.canParse(origin) && new URL(origin).origin === origin)
}

interface Wildcard {
  /** `https://` */
  readonly before: string
  /** `.example.com` */
  readonly after: string
}

/** Which origins a list of `originOption`s allows, and what is told to each. */
export class CorsOrigins<Answer> {
  readonly #exact = new Map<string, Answer>()
  readonly #wildcards: Wildcard[] = []
  readonly #any: Answer | undefined
  readonly #answerTo: (origin: string) => Answer

  /** @param answerTo also called with `*`, where all may come */
  constructor(patterns: readonly string[], answerTo: (origin: string) => Answer) {
    this.#answerTo = answerTo
    this.#any = patterns.includes('*') ? answerTo('*') : undefined
    for (const pattern of patterns) {
      const [before, after] = pattern.split('*.')
      if (after === undefined) this.#exact.set(pattern, answerTo(pattern))
      else this.#wildcards.push({ before: before!, after: `.${after}` })
    }
  }

  /** Undefined: it may not. */
  answer(origin: string): Answer | undefined {
    return this.#any ?? this.#exact.get(origin) ?? (this.#isCovered(origin) ? this.#answerTo(origin) : undefined)
  }

  #isCovered(origin: string): boolean {
    return this.#wildcards.some(
      ({ before, after }) =>
        origin.startsWith(before) &&
        origin.endsWith(after) &&
        LABELS.test(origin.slice(before.length, origin.length - after.length)),
    )
  }
}
