import { z } from 'zod'
import { got } from './got.ts'

/** RFC 9110 section 9.1: a token, in whatever letters. */
export const HTTP_METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/

const error = ({ input }: { readonly input?: unknown }) => `expected a method such as PUT${got(input)}`

export const httpMethodSchema = z.string({ error }).regex(HTTP_METHOD, { error })
