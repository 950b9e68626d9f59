import { z } from 'zod'
import type { ClientSide, Dispatch, HeaderList } from '../exchange/exchange.ts'
import { withoutFields } from '../exchange/header-list.ts'
import { headerNameSchema } from '../schema/header-fields.ts'
import { definePolicy } from './policy.ts'
import { ResponseFilter } from './response-filter.ts'
import { settableHeadersSchema } from './settable-header.ts'

const changes = z.strictObject({
  set: settableHeadersSchema.optional().describe('Fields to add, in place of those of the same name.'),
  remove: z.array(headerNameSchema).max(64).optional().describe('Names of fields to leave out.'),
})

/** Sets and removes header fields, of requests on their way to the backend and of responses. */
export const headers = definePolicy({
  name: 'headers',
  summary: 'Sets and removes header fields of requests and responses.',
  schema: z.strictObject({
    request: changes.optional().describe('What the backend sees.'),
    response: changes.optional().describe('What the client sees.'),
  }),
  create({ request = {}, response = {} }) {
    const toBackend = toHeaderList(request.set)
    const toClient = toHeaderList(response.set)
    const toldNames = lowerCaseSet(Object.keys(request.set ?? {})) ?? new Set()
    const removed = lowerCaseSet(request.remove)
    const removedFromResponse = lowerCaseSet(response.remove)
    return {
      wrap:
        (next): Dispatch =>
        (head, client) => {
          if (removed !== undefined) head.headers = withoutFields(head.headers, removed)
          if (toBackend !== undefined) {
            head.backendHeaders = [...withoutFields(head.backendHeaders ?? [], toldNames), ...toBackend]
          }
          if (toClient !== undefined) head.responseHeaders = [...(head.responseHeaders ?? []), ...toClient]
          return next(head, removedFromResponse === undefined ? client : filtered(client, removedFromResponse))
        },
    }
  },
})

function filtered(client: ClientSide, removed: ReadonlySet<string>): ClientSide {
  return new ResponseFilter(client, (head) => ({ ...head, headers: withoutFields(head.headers, removed) }))
}

function toHeaderList(fields: Readonly<Record<string, string>> | undefined): HeaderList | undefined {
  return fields && Object.entries(fields).flatMap(([name, value]) => [name.toLowerCase(), value])
}

function lowerCaseSet(names: readonly string[] | undefined): ReadonlySet<string> | undefined {
  return names && new Set(names.map((name) => name.toLowerCase()))
}
