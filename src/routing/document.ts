import { z } from 'zod'
import { NEED_HEADERS, type PolicyListDocument, policyListSchema } from '../policies/policy-list.ts'
import { durationSchema } from '../schema/duration.ts'
import { headerFieldsSchema, headerNameSchema } from '../schema/header-fields.ts'
import { httpMethodSchema } from '../schema/http-method.ts'
import { sizeSchema } from '../schema/size.ts'
import { parseHost } from './host.ts'
import { parsePath } from './path-pattern.ts'
import { PatternError } from './pattern-error.ts'
import { type ParamsDocument, paramsSchema } from './subject-params.ts'
import { assertNamesExist, parseTemplate } from './subject-template.ts'

const DAY_MS = 86_400_000
/** Of paths that are the router's own, see docs/mux.md. */
const OWN_SEGMENT = '_sx'

type Refinement = { addIssue(issue: { code: 'custom'; message: string; path?: (string | number)[] }): void }

/** Runs a parser for its complaint; undefined if there was one. */
function checkPattern<T>(parse: () => T, context: Refinement, path: string[] = []): T | undefined {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof PatternError)) throw error
    context.addIssue({ code: 'custom', message: error.message, path })
    return undefined
  }
}

function checkPath(path: string, context: Refinement): void {
  const first = checkPattern(() => parsePath(path), context)?.[0]
  if (first?.kind !== 'literal' || first.text !== OWN_SEGMENT) return
  const whose = `\`/${OWN_SEGMENT}\` and all below it is the router’s own, for multiplexed connections`
  context.addIssue({ code: 'custom', message: `${whose}: choose another path` })
}

const headerConditions = headerFieldsSchema({
  maxFields: 16,
  faultOf(_name, value) {
    const isSane = value.trim() === value && value !== '' && value.length <= 1024 && !/\p{Cc}/u.test(value)
    return isSane ? undefined : 'expected a header value, or `*` for any; without white space around it'
  },
})

/** One route as in YAML, strict. It checks and does not transform: what comes out is what went in. */
export const routeDocumentSchema = z
  .strictObject({
    name: z
      .string()
      .regex(
        /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}$/,
        'expected up to 128 letters, digits, `.`, `_` and `-`, with a letter or digit first',
      ),
    match: z.strictObject({
      kind: z.enum(['http', 'ws', 'tcp']).optional(),
      host: z
        .string()
        .superRefine((host, context) => void checkPattern(() => parseHost(host), context))
        .optional(),
      methods: z.array(httpMethodSchema).min(1, 'name a method, or leave `methods` out to take all').max(32).optional(),
      path: z.string().max(1024).superRefine(checkPath).optional(),
      headers: headerConditions.optional(),
    }),
    subject: z.string().superRefine((subject, context) => void checkPattern(() => parseTemplate(subject), context)),
    params: paramsSchema.optional(),
    reply: z.enum(['single', 'many']).optional(),
    body: z.enum(['whole', 'stream']).optional(),
    websocket: z.enum(['stream', 'rpc']).optional(),
    timeout: durationSchema(1, DAY_MS, '5s').optional(),
    idleTimeout: durationSchema(1, DAY_MS, '5s').optional(),
    maxDuration: durationSchema(0, 30 * DAY_MS, '1h').optional(),
    limits: z.strictObject({ bodyBytes: sizeSchema(0, 1024 ** 4, '10MiB').optional() }).optional(),
    noResponders: z
      .strictObject({ retries: z.int().min(0).max(10).optional(), hold: durationSchema(0, 60_000, '2s').optional() })
      .optional(),
    forwardHeaders: z.union([z.enum(['all', 'none']), z.array(headerNameSchema).max(128)]).optional(),
    policies: policyListSchema.optional(),
    priority: z.int().min(-1_000_000).max(1_000_000).optional(),
  })
  .superRefine(checkAcrossKeys)

/** One route as in YAML: the names and units of docs/routes.md, nothing filled in. */
export type RouteDocument = z.input<typeof routeDocumentSchema>

interface Interdependent {
  readonly match: RouteDocument['match']
  readonly subject: string
  readonly params?: ParamsDocument | undefined
  readonly policies?: PolicyListDocument | undefined
}

function checkAcrossKeys(route: Interdependent, context: Refinement): void {
  const { match, subject, params } = route
  const complain = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', message, path })
  if (match.kind === 'tcp') {
    for (const key of ['host', 'methods', 'path', 'headers'] as const) {
      if (match[key] !== undefined) complain(['match', key], 'a tcp route is reached by its name: remove this key')
    }
    for (const [index, policy] of (route.policies ?? []).entries()) {
      const kind = Object.keys(policy).find((name) => NEED_HEADERS.has(name))
      const message = 'raw TCP has no header fields for a credential: only clientCertificate can tell who it is'
      if (kind !== undefined) complain(['policies', index, kind], message)
    }
  } else if (match.path === undefined) {
    complain(['match', 'path'], `a route of kind ${match.kind ?? 'http'} needs a path, such as \`/orders/{id}\``)
    return
  }
  const path = parsedOrUndefined(() => (match.path === undefined ? [] : parsePath(match.path)))
  const template = parsedOrUndefined(() => parseTemplate(subject))
  if (path === undefined || template === undefined) return
  checkPattern(() => assertNamesExist(template, path, params), context, ['subject'])
  const used = new Set(template.map((token) => (token.kind === 'capture' ? token.name : '')))
  for (const name of Object.keys(params ?? {})) {
    if (!used.has(name)) complain(['params', name], 'the subject does not use it')
  }
}

/** For what has been complained of already. */
function parsedOrUndefined<T>(parse: () => T): T | undefined {
  return checkPattern(parse, { addIssue: () => {} })
}
