/** What options of several policies are made of. They check and do not transform: the factories parse. */
import { z } from 'zod'
import { parseDurationMs } from '../exchange/units.ts'

const HTTP_TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** Fields that belong to the connection, to the body's framing or to the router itself. */
const NOT_TO_SET =
  /^(?:connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect|content-length|host|nats-.*|sx|sx-.*|x-request-id)$/i

/** Whether a policy may set a field of that name. */
export function isSettableHeader(name: string): boolean {
  return !NOT_TO_SET.test(name)
}

export const headerNameOption = z.string().max(128).regex(HTTP_TOKEN, 'expected a header name')

/** Not z.record, which silently drops a key named `__proto__`. */
export const headersOption = z
  .custom<Readonly<Record<string, string>>>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    'expected a mapping of header names to values',
  )
  .superRefine((fields, context) => {
    const seen = new Set<string>()
    for (const [name, value] of Object.entries<unknown>(fields)) {
      const complain = (message: string) => context.addIssue({ code: 'custom', message, path: [name] })
      const lower = name.toLowerCase()
      if (name.length > 128 || !HTTP_TOKEN.test(name)) complain('expected a header name')
      else if (!isSettableHeader(name)) complain('this field is the router’s own to set')
      if (seen.has(lower)) complain('the same header is named twice')
      seen.add(lower)
      if (typeof value !== 'string') complain('expected text: put the value in quotes')
      else if (!/^[\x20-\x7e]{0,4096}$/.test(value)) complain('expected up to 4096 visible ASCII characters')
    }
    if (seen.size > 64) context.addIssue({ code: 'custom', message: 'at most 64 header fields' })
  })

/** Text, as only 0 needs no unit. */
export type DurationOption = string | 0

/** @param range for people, such as `1s to 1h` */
export function durationOption(minMs: number, maxMs: number, range: string): z.ZodType<DurationOption> {
  const error = ({ input }: { readonly input?: unknown }) => {
    const number = typeof input === 'number' || typeof input === 'string' ? String(input) : ''
    const hasNoUnit = /^\d+(?:\.\d+)?$/.test(number) && Number(number) !== 0
    return `${hasNoUnit ? 'a unit is missing: ' : ''}expected a duration such as \`500ms\` or \`5m\`, ${range}`
  }
  const text = z.string({ error }).refine(
    (text) => {
      const ms = parseDurationMs(text)
      return ms !== undefined && ms >= minMs && ms <= maxMs
    },
    { error },
  )
  const option = minMs === 0 ? z.union([text, z.literal(0)], { error }) : text
  return option.meta({ title: `duration, ${range}` })
}

/** Of what a `durationOption` has let pass. */
export function durationMs(option: DurationOption | undefined, defaultMs: number): number {
  return (option === undefined ? undefined : parseDurationMs(String(option))) ?? defaultMs
}
