import { timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { type ApiKeyRecord, apiKeyId, hashApiKey } from '../exchange/api-key.ts'
import { ExchangeError } from '../exchange/errors.ts'
import type { Dispatch, RequestHead } from '../exchange/exchange.ts'
import { firstValue, withoutFields } from '../exchange/header-list.ts'
import { isSubjectId } from '../exchange/identity.ts'
import { headerNameSchema } from '../schema/header-fields.ts'
import { definePolicy, type Verdict } from './policy.ts'

const NAME = 'apiKey'
const DEFAULT_HEADER = 'x-api-key'

/** Lets those in who show a key of the table `api_keys`. A key that is revoked ends what was opened with it. */
export const apiKey = definePolicy({
  name: NAME,
  summary: 'Requires an API key that `engine-router keys create` has made.',
  needsHeaders: true,
  schema: z.strictObject({
    header: headerNameSchema
      .optional()
      .describe(`Where the key is; the backend does not see that field. Default \`${DEFAULT_HEADER}\`.`),
    scopes: z
      .array(z.string().min(1).max(128))
      .max(64)
      .optional()
      .describe('Scopes that the key has to have, all of them.'),
    optional: z
      .boolean()
      .optional()
      .describe('Requests without a key come in too, without an identity. Default false.'),
  }),
  create({ header = DEFAULT_HEADER, scopes = [], optional = false }, _route, { apiKeys }) {
    const field = header.toLowerCase()
    const check = (key: string): Verdict => {
      const id = apiKeyId(key)
      if (id === undefined) return new ExchangeError('unauthorized', 'what is shown is no API key')
      if (!apiKeys.isLoaded) return new ExchangeError('busy', 'the table of API keys is not loaded yet')
      const record = apiKeys.find(id)
      if (record === undefined) return new ExchangeError('unauthorized', `no API key ${id}, or it is revoked`)
      if (!isKeyOf(record, key)) return new ExchangeError('unauthorized', `the secret of API key ${id} is wrong`)
      // Anybody with SQL may have written it, and a backend is told of it in a header.
      if (!isSubjectId(record.subjectId)) {
        const fault = `the subject of API key ${id} is not 1 to 256 visible ASCII characters`
        return new ExchangeError('internal', fault, { isOfPolicy: true })
      }
      const identity = apiKeys.identityOf(id, NAME)
      if (identity.isExpired) return new ExchangeError('unauthorized', `API key ${id} has expired`)
      const missing = scopes.filter((scope) => !record.scopes.includes(scope))
      if (missing.length === 0) return identity
      return new ExchangeError('forbidden', `API key ${id} lacks ${missing.join(', ')}`)
    }
    const identify = (request: RequestHead): Verdict => {
      const key = firstValue(request.headers, field)
      return key === undefined ? undefined : check(key)
    }
    const fields = new Set([field])
    return {
      authenticator: { challenge: 'ApiKey', optional, identify },
      // The key is for nobody else, also where another credential has decided.
      wrap:
        (next): Dispatch =>
        (request, client) => {
          request.headers = withoutFields(request.headers, fields)
          return next(request, client)
        },
    }
  },
})

function isKeyOf({ hash }: ApiKeyRecord, key: string): boolean {
  const shown = hashApiKey(key)
  return hash.length === shown.length && timingSafeEqual(shown, hash)
}
