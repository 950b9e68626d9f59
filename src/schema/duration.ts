import { z } from 'zod'
import { formatDuration, parseDurationMs } from '../exchange/units.ts'
import { got } from './got.ts'

/** As people write it. Text, as only 0 needs no unit. */
export type Duration = string | 0

/**
 * A duration within bounds. It checks and does not transform: `durationMs` reads what it has let pass.
 * @param example a right value, for the message about a wrong one
 */
export function durationSchema(minMs: number, maxMs: number, example: string): z.ZodType<Duration, Duration> {
  const range = `${formatDuration(minMs)} to ${formatDuration(maxMs)}`
  const error = ({ input }: { readonly input?: unknown }) =>
    `${hasNoUnit(input) ? 'a unit is missing: ' : ''}expected a duration from ${range}, such as ${example}${got(input)}`
  const text = z.string({ error }).refine(
    (text) => {
      const ms = parseDurationMs(text)
      return ms !== undefined && ms >= minMs && ms <= maxMs
    },
    { error },
  )
  const duration = minMs === 0 ? z.union([text, z.literal(0)], { error }) : text
  return duration.meta({ title: `duration, ${range}` })
}

/** Of what a `durationSchema` has let pass. */
export function durationMs(duration: Duration | undefined, defaultMs: number): number {
  return (duration === undefined ? undefined : parseDurationMs(String(duration))) ?? defaultMs
}

function hasNoUnit(input: unknown): boolean {
  const number = typeof input === 'number' || typeof input === 'string' ? String(input) : ''
  return /^\d+(?:\.\d+)?$/.test(number) && Number(number) !== 0
}
