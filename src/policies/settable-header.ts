/** Header fields that a policy may set. */
import { headerFieldsSchema } from '../schema/header-fields.ts'

/** Fields that belong to the connection, to the body's framing or to the router itself. */
const NOT_TO_SET =
  /^(?:connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect|content-length|host|nats-.*|sx|sx-.*|x-request-id)$/i

/** Whether a policy may set a field of that name. */
export function isSettableHeader(name: string): boolean {
  return !NOT_TO_SET.test(name)
}

/** A mapping of them. */
export const settableHeadersSchema = headerFieldsSchema({
  maxFields: 64,
  faultOf(name, value) {
    if (!isSettableHeader(name)) return 'this field is the router’s own to set'
    return /^[\x20-\x7e]{0,4096}$/.test(value) ? undefined : 'expected up to 4096 visible ASCII characters'
  },
})
