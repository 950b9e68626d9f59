import { z } from 'zod'
import { ExchangeError } from '../exchange/errors.ts'
import type { Dispatch, RequestHead } from '../exchange/exchange.ts'
import { withoutFields } from '../exchange/header-list.ts'
import { Identity, type IdentityParts } from '../exchange/identity.ts'
import { durationMs, durationSchema } from '../schema/duration.ts'
import { headerNameSchema } from '../schema/header-fields.ts'
import { type Answer, parseAnswer } from './auth-service/answer.ts'
import { type Decision, Decisions } from './auth-service/decisions.ts'
import { encodeQuestion, REQUEST_FACTS, type RequestFact, type Told, toldValues } from './auth-service/question.ts'
import { definePolicy } from './policy.ts'
import { isSettableHeader } from './settable-header.ts'

const NAME = 'authService'
const DEFAULT_HEADERS = ['authorization', 'cookie']

const names = z.array(headerNameSchema).max(32)

const options = z
  .strictObject({
    subject: z
      .string()
      .max(256)
      .regex(/^[^\s.*>]+(?:\.[^\s.*>]+)*$/, 'expected a NATS subject without wildcards')
      .describe('The NATS subject of the service.'),
    timeout: durationSchema(10, 8000, '2s').optional().describe('For its answer. Default 2s.'),
    headers: names.optional().describe('Header fields that it is told. Default `[authorization, cookie]`.'),
    cacheBy: names
      .optional()
      .describe(
        `What a decision depends on, for it to be kept as long as its \`ttl\` says: all of \`headers\`, and any of ${REQUEST_FACTS.join(', ')}. The service is told nothing else then. Default: each request is asked for.`,
      ),
    setHeaders: names
      .refine((list) => list.every(isSettableHeader), 'one of these fields is the router’s own')
      .optional()
      .describe('Fields that the answer may set for the backend. A client cannot send these itself.'),
    grace: durationSchema(0, 3_600_000, '10s')
      .optional()
      .describe('How long connections and streams go on after `expires` of the answer. Default 10s.'),
  })
  .superRefine(({ headers = DEFAULT_HEADERS, cacheBy }, context) => {
    const by = cacheBy?.map((name) => name.toLowerCase())
    const told = headers.map((name) => name.toLowerCase())
    const unknown = by?.find((name) => !told.includes(name) && !isRequestFact(name))
    if (unknown !== undefined) {
      // What it was meant for would be left out, and a decision be taken for one that does not depend on it.
      const message = `${unknown} is none of \`headers\`, nor one of ${REQUEST_FACTS.join(', ')}`
      context.addIssue({ code: 'custom', message, path: ['cacheBy'] })
    }
    const missing = headers.find((name) => by?.includes(name.toLowerCase()) === false)
    if (missing === undefined) return
    // One client would get what was decided for another.
    const message = `the service is told ${missing}, so that a decision may depend on it: name it here too`
    context.addIssue({ code: 'custom', message, path: ['cacheBy'] })
  })

/** Asks a NATS service of the operator's who may come in. Without its answer nobody does. */
export const authService = definePolicy({
  name: NAME,
  summary: 'Asks a service over NATS who may come in.',
  schema: options,
  create(
    { subject, timeout, headers = DEFAULT_HEADERS, cacheBy, setHeaders = [], grace },
    _route,
    { ask, wheel, now, revocations },
  ) {
    const timeoutMs = durationMs(timeout, 2000)
    const parts = { wheel, now, graceMs: durationMs(grace, 10_000), held: revocations.held }
    const told: Told = {
      headers: headers.map((name) => name.toLowerCase()),
      facts: cacheBy === undefined ? REQUEST_FACTS : cacheBy.map((name) => name.toLowerCase()).filter(isRequestFact),
    }
    const ownFields = new Set(setHeaders.map((name) => name.toLowerCase()))
    const decisions = new Decisions(now)
    const remembered = () => decisions.identities()
    revocations.watch(remembered)
    const isRevoked = ({ claims, subjectId, issuedAtS }: Identity) =>
      revocations.isRevoked(claims, subjectId, issuedAtS)
    const decide = async (question: Uint8Array): Promise<Decision> => {
      // The answer may speak of any moment since.
      const askedAtS = now() / 1000
      let bytes: Uint8Array
      try {
        bytes = await ask(subject, question, timeoutMs)
      } catch (error) {
        if (!(error instanceof ExchangeError)) throw error
        return { verdict: error, untilMs: 0 }
      }
      const answer = parseAnswer(bytes)
      if (typeof answer === 'string') {
        const fault = `the answer on ${subject} is none: ${answer}`
        const error = new ExchangeError('internal', fault, { isOfPolicy: true })
        return { verdict: error, untilMs: 0 }
      }
      const verdict = verdictOf(answer, ownFields, askedAtS, parts)
      if (verdict instanceof Identity && isRevoked(verdict)) {
        return { verdict: new ExchangeError('unauthorized', `${verdict.subjectId} is revoked`), untilMs: 0 }
      }
      return { verdict, untilMs: now() + (answer.ttl ?? 0) * 1000 }
    }
    const identify = (request: RequestHead) => {
      const values = toldValues(request, told)
      // All that the question says; of the route, each has a policy of its own. JSON tells no field from an empty one.
      const key = cacheBy === undefined ? undefined : JSON.stringify([request.kind, values])
      const known = key === undefined ? undefined : decisions.known(key)
      // Once this is closed no revocation ends what is remembered, and requests under way may still ask.
      if (known !== undefined && !(known instanceof Identity && isRevoked(known))) return known
      return decisions.decide(key, () => decide(encodeQuestion(request, told, values)))
    }
    return {
      authenticator: { challenge: 'Bearer', optional: false, identify },
      ...(ownFields.size > 0 && {
        wrap:
          (next: Dispatch): Dispatch =>
          (request, client) => {
            request.headers = withoutFields(request.headers, ownFields)
            return next(request, client)
          },
      }),
      close: () => revocations.unwatch(remembered),
    }
  },
})

function verdictOf(
  answer: Answer,
  ownFields: ReadonlySet<string>,
  issuedAtS: number,
  parts: IdentityParts,
): Identity | ExchangeError {
  if (!answer.allow) {
    return new ExchangeError(answer.status === 401 ? 'unauthorized' : 'forbidden', 'the service does not let it in')
  }
  const { subjectId, claims = {}, headers = {}, expires } = answer
  const fields = Object.entries(headers).filter(([name]) => ownFields.has(name.toLowerCase()))
  return new Identity(
    {
      subjectId,
      claims,
      provedBy: NAME,
      issuedAtS,
      expiresAtMs: expires === undefined ? undefined : expires * 1000,
      backendHeaders: fields.length === 0 ? undefined : fields.flatMap(([name, value]) => [name.toLowerCase(), value]),
    },
    parts,
  )
}

function isRequestFact(name: string): name is RequestFact {
  return (REQUEST_FACTS as readonly string[]).includes(name)
}
