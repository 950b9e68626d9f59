import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'
import type { ServiceAnswer, ServiceEndpoint } from '../exchange/service-endpoint.ts'
import { answerPaged } from './api.ts'
import { DEFAULT_LIMIT } from './page.ts'
import type { AdminSource } from './source.ts'

export interface QuestionsOptions {
  /** The name of this instance, for those who ask all of them. */
  readonly router: string
  readonly source: AdminSource
  /** Prometheus text. */
  readonly metrics: () => { readonly text: string }
}

const MAX_QUESTION_BYTES = 1024

const compress = promisify(gzip)

/**
 * What can be asked of a router over NATS, where there is no token: to look, never to change. `connections` and `exchanges`
 * page by page, as the admin API has them, and `metrics`.
 */
export function createQuestions({ router, source, metrics }: QuestionsOptions): readonly ServiceEndpoint[] {
  return [
    ...(['connections', 'exchanges'] as const).map((list) => ({
      name: list,
      answer: (question: Uint8Array, maxBytes: number) => answerPage(router, source, list, question, maxBytes),
    })),
    {
      name: 'metrics',
      async answer(_question, maxBytes) {
        // A table of a thousand routes has megabytes of text, which are mostly the same.
        const data = await compress(metrics().text, { level: constants.Z_BEST_SPEED })
        if (data.length <= maxBytes) return { data }
        return { code: 413, title: 'The metrics do not fit into one message: ask /metrics of the admin listener' }
      },
    },
  ]
}

/** A page is as long as it was asked for, or as fits into a message. */
function answerPage(
  router: string,
  source: AdminSource,
  list: 'connections' | 'exchanges',
  question: Uint8Array,
  maxBytes: number,
): ServiceAnswer {
  const query = parseQuestion(question)
  if (query === undefined)
    return { code: 400, title: 'A question is empty, or JSON such as {"limit":100,"after":"ws-17"}' }
  for (let limit = Number(query.get('limit') ?? DEFAULT_LIMIT); ; limit = Math.floor(limit / 2)) {
    query.set('limit', String(limit))
    const answer = answerPaged(source, list, query)
    if (!('value' in answer)) return { code: answer.status, title: answer.title }
    const data = Buffer.from(JSON.stringify({ router, ...answer.value }))
    if (data.length <= maxBytes) return { data }
    if (limit === 1) return { code: 413, title: 'Not one entry fits into a message: ask the admin listener' }
  }
}

/** Undefined: it is none. */
function parseQuestion(question: Uint8Array): URLSearchParams | undefined {
  if (question.length === 0) return new URLSearchParams()
  if (question.length > MAX_QUESTION_BYTES) return undefined
  try {
    const value: unknown = JSON.parse(Buffer.from(question).toString())
    if (typeof value !== 'object' || value === null) return undefined
    const { limit, after } = value as { limit?: unknown; after?: unknown }
    const query = new URLSearchParams()
    if (limit !== undefined) query.set('limit', String(limit))
    if (after !== undefined) query.set('after', String(after))
    return query
  } catch {
    // What is not JSON is no question.
    return undefined
  }
}
