/** Names of header fields, and mappings of names to values. */
import { z } from 'zod'
import { got } from './got.ts'

/** RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

const MAX_NAME_LENGTH = 128

const nameFault = (name: unknown) => `expected a header name such as x-tenant${got(name)}`

export const headerNameSchema = z
  .string({ error: ({ input }) => nameFault(input) })
  .refine(isHeaderName, { error: ({ input }) => nameFault(input) })

export function isHeaderName(name: string): boolean {
  return name.length <= MAX_NAME_LENGTH && TOKEN.test(name)
}

export interface HeaderFieldRules {
  readonly maxFields: number
  /** What is wrong with a field; undefined: nothing. */
  faultOf(name: string, value: string): string | undefined
}

/** A mapping in which no name is there twice, in whatever letters. It checks and does not transform. */
export function headerFieldsSchema({ maxFields, faultOf }: HeaderFieldRules) {
  // Not z.record, which silently drops a key named `__proto__`: a condition would be lost.
  return z
    .custom<Readonly<Record<string, string>>>(
      (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
      { error: ({ input }) => `expected a mapping of header names to values${got(input)}` },
    )
    .superRefine((fields, context) => {
      const seen = new Set<string>()
      for (const [name, value] of Object.entries<unknown>(fields)) {
        const complain = (message: string) => context.addIssue({ code: 'custom', message, path: [name] })
        if (!isHeaderName(name)) complain(nameFault(name))
        if (seen.has(name.toLowerCase())) complain('the same header is named twice')
        seen.add(name.toLowerCase())
        if (typeof value !== 'string') {
          complain('expected text: put the value in quotes')
          continue
        }
        const fault = faultOf(name, value)
        if (fault !== undefined) complain(fault)
      }
      if (seen.size > maxFields)
        context.addIssue({ code: 'custom', message: `expected at most ${maxFields} header fields` })
    })
}
