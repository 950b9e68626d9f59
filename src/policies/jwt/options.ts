import { z } from 'zod'
import { durationSchema } from '../../schema/duration.ts'
import { isHeaderName } from '../../schema/header-fields.ts'
import { isSettableHeader } from '../settable-header.ts'
import { isUrl } from './key-source.ts'

/** With a key that anyone may know. */
export const PUBLIC_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const

/** With a secret that both ends share. */
export const SECRET_ALGORITHMS = ['HS256', 'HS384', 'HS512'] as const

const text = z.string().min(1).max(256)
const path = z.string().min(1).max(1024)

const place = path.refine((value) => !isUrl(value) || isTrustedUrl(value), {
  error: 'expected an https address without a user name, http of this machine alone, or the path of a file',
})

/** Of names and values: not z.record, which silently drops a key named `__proto__`. */
function mapping<Value>(what: string, isValue: (value: unknown) => value is Value) {
  return z.custom<Readonly<Record<string, Value>>>((value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
    const values = Object.values(value)
    return values.length <= 64 && values.every(isValue)
  }, `expected a mapping of at most 64 names to ${what}`)
}

const isScalar = (value: unknown) => ['string', 'number', 'boolean'].includes(typeof value)
const isPath = (value: unknown) => text.safeParse(value).success

export const jwtOptions = z
  .strictObject({
    jwks: place
      .optional()
      .describe('Where the public keys are: an https address (http of this machine alone), or a file. Or else one of:'),
    publicKeyFile: path.optional().describe('A public key or certificate in PEM.'),
    secretFile: path.optional().describe('A secret of 32 bytes or more, for the algorithms HS256, HS384 and HS512.'),
    algorithms: z
      .array(z.enum([...PUBLIC_ALGORITHMS, ...SECRET_ALGORITHMS]))
      .min(1)
      .optional()
      .describe('What a token may be signed with. Default: all that fit the kind of key.'),
    issuer: text.optional().describe('What `iss` has to be.'),
    audience: z
      .union([text, z.array(text).min(1).max(64)])
      .optional()
      .describe('What `aud` has to be or to contain; of a list, one of them.'),
    scopes: z.array(text).max(64).optional().describe('What `scope` or `scp` has to contain, all of them.'),
    claims: mapping('values', (value): value is string | number | boolean => isScalar(value))
      .optional()
      .describe('Claims with the value that each has to have, or to contain. Dots lead into objects.'),
    subject: text.optional().describe('The claim that says who it is. Default `sub`.'),
    from: z
      .strictObject({
        query: text.optional().describe('The name of a query parameter.'),
        cookie: text.optional().describe('The name of a cookie.'),
      })
      .optional()
      .describe('Where the token may be beside `Authorization: Bearer`; the backend does not see it there.'),
    headers: mapping('claims', (value): value is string => isPath(value))
      .superRefine((fields, context) => {
        for (const name of Object.keys(fields)) {
          if (isHeaderName(name) && isSettableHeader(name)) continue
          context.addIssue({
            code: 'custom',
            message: 'expected the name of a header that is not the router’s own',
            path: [name],
          })
        }
      })
      .optional()
      .describe('Header fields for the backend, and the claim that each gets. A client cannot send these itself.'),
    optional: z
      .boolean()
      .optional()
      .describe('Requests without a token come in too, without an identity. Default false.'),
    requireExp: z.boolean().optional().describe('Refuse tokens that never expire. Default true.'),
    clockTolerance: durationSchema(0, 60_000, '5s')
      .optional()
      .describe('How far the clocks of issuer and router may be apart. Default 5s.'),
    grace: durationSchema(0, 3_600_000, '10s')
      .optional()
      .describe('How long connections and streams go on after the expiry, for a new token to come. Default 10s.'),
    maxTokens: z
      .number()
      .int()
      .min(2)
      .max(1_000_000)
      .optional()
      .describe('How many verified tokens are kept, so that they need not be verified again. Default 10000.'),
  })
  .superRefine(({ jwks, publicKeyFile, secretFile, algorithms = [] }, context) => {
    const keys = [jwks, publicKeyFile, secretFile].filter((key) => key !== undefined)
    if (keys.length !== 1) {
      context.addIssue({ code: 'custom', message: 'expected one of jwks, publicKeyFile and secretFile' })
      return
    }
    // A public key taken for a secret would let in whoever knows it, which is everybody.
    const fitting: readonly string[] = secretFile === undefined ? PUBLIC_ALGORITHMS : SECRET_ALGORITHMS
    const stranger = algorithms.find((algorithm) => !fitting.includes(algorithm))
    if (stranger === undefined) return
    const message = `${stranger} does not fit the kind of key: expected ${fitting.join(', ')}`
    context.addIssue({ code: 'custom', message, path: ['algorithms'] })
  })

export type JwtOptions = z.output<typeof jwtOptions>

function isTrustedUrl(value: string): boolean {
  const url = URL.parse(value)
  if (url === null || url.username !== '' || url.password !== '') return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && isThisMachine(url.hostname))
}

function isThisMachine(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}
