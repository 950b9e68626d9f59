import { z } from 'zod'
import type { Dispatch, HeaderList, RequestHead, ResponseHead } from '../exchange/exchange.ts'
import { firstValue } from '../exchange/header-list.ts'
import { durationMs, durationSchema } from '../schema/duration.ts'
import { headerNameSchema } from '../schema/header-fields.ts'
import { HTTP_METHOD, httpMethodSchema } from '../schema/http-method.ts'
import { CorsOrigins, originOption } from './cors-origins.ts'
import { definePolicy } from './policy.ts'
import { ResponseFilter } from './response-filter.ts'

const DEFAULT_MAX_AGE_MS = 600_000
/** What differs by origin must not be given to another from a cache. */
const VARY: HeaderList = ['vary', 'origin']
/** Of names that a browser asks for, which go back as they came. */
const HEADER_NAMES = /^[!#$%&'*+.^_`|~0-9A-Za-z, -]{1,4096}$/

/** Tells browsers which pages of other origins may read responses (Fetch, "CORS protocol"). */
export const cors = definePolicy({
  name: 'cors',
  summary: 'Tells browsers which pages of other origins may send requests and read the responses.',
  isShared: true,
  schema: z
    .strictObject({
      origins: z
        .array(originOption)
        .min(1)
        .max(256)
        .describe(
          'Origins of pages: `https://app.example.com`, `https://*.example.com` (any subdomain), or `*` for all.',
        ),
      methods: z
        .array(httpMethodSchema)
        .max(32)
        .optional()
        .describe('Methods that a page may use. Default what the route takes.'),
      headers: z
        .array(headerNameSchema)
        .max(64)
        .optional()
        .describe('Header fields that a page may set. Default all that it asks for.'),
      exposeHeaders: z
        .array(headerNameSchema)
        .max(64)
        .optional()
        .describe('Header fields of responses that a page may read, beside the usual ones.'),
      credentials: z
        .boolean()
        .optional()
        .describe('Requests with cookies and other credentials too; not with `*`. Default `false`.'),
      maxAge: durationSchema(0, 86_400_000, '10m')
        .optional()
        .describe('How long a browser may keep the answer to its question. Default `10m`.'),
      privateNetwork: z
        .boolean()
        .optional()
        .describe('Pages of the public internet may reach this router in a private network. Default `false`.'),
    })
    .superRefine(({ origins, credentials }, context) => {
      if (credentials !== true || !origins.includes('*')) return
      const message = '`credentials` with `*` would let every page act in its visitor’s name: list the origins'
      context.addIssue({ code: 'custom', path: ['credentials'], message })
    }),
  create({ origins, methods, headers, exposeHeaders, credentials = false, maxAge, privateNetwork = false }) {
    const exposed = exposeHeaders === undefined ? [] : ['access-control-expose-headers', exposeHeaders.join(', ')]
    const allowed = new CorsOrigins(origins, (origin) => {
      const allowOrigin = ['access-control-allow-origin', origin]
      const allowCredentials = credentials ? ['access-control-allow-credentials', 'true'] : []
      const toPreflight: HeaderList = [...VARY, ...allowOrigin, ...allowCredentials]
      return { toPreflight, toRequest: [...toPreflight, ...exposed] }
    })
    const maxAgeS = Math.floor(durationMs(maxAge, DEFAULT_MAX_AGE_MS) / 1000)

    const permissions = (request: RequestHead): string[] => {
      const method =
        methods?.join(', ') ?? sane(firstValue(request.headers, 'access-control-request-method'), HTTP_METHOD)
      const names =
        headers?.join(', ') ?? sane(firstValue(request.headers, 'access-control-request-headers'), HEADER_NAMES)
      const isPrivate =
        privateNetwork && firstValue(request.headers, 'access-control-request-private-network') === 'true'
      return [
        ...(method === undefined ? [] : ['access-control-allow-methods', method]),
        ...(names === undefined || names === '' ? [] : ['access-control-allow-headers', names]),
        ...(isPrivate ? ['access-control-allow-private-network', 'true'] : []),
        'access-control-max-age',
        String(maxAgeS),
      ]
    }
    return {
      preflight(request) {
        const answer = allowed.answer(firstValue(request.headers, 'origin') ?? '')
        tell(request, answer === undefined ? VARY : [...answer.toPreflight, ...permissions(request)])
      },
      wrap:
        (next): Dispatch =>
        (request, client) => {
          // No browser asks about what comes over a WebSocket or TCP.
          if (request.kind !== 'http') return next(request, client)
          const origin = firstValue(request.headers, 'origin')
          const answer = origin === undefined ? undefined : allowed.answer(origin)
          tell(request, answer?.toRequest ?? VARY)
          return next(request, new ResponseFilter(client, withoutBackendsOwn))
        },
    }
  },
})

function tell(request: RequestHead, fields: HeaderList): void {
  const { responseHeaders } = request
  request.responseHeaders = responseHeaders === undefined ? fields : [...responseHeaders, ...fields]
}

/** What a backend says of origins: two that contradict each other make browsers refuse both. */
function withoutBackendsOwn(head: ResponseHead): ResponseHead {
  const { headers } = head
  for (let i = 0; i < headers.length; i += 2) {
    if (isOfCors(headers[i]!))
      return { ...head, headers: headers.filter((_, at) => !isOfCors(headers[at - (at % 2)]!)) }
  }
  return head
}

function isOfCors(name: string): boolean {
  return name.startsWith('access-control-')
}

function sane(text: string | undefined, pattern: RegExp): string | undefined {
  return text !== undefined && pattern.test(text) ? text : undefined
}
