import { z } from 'zod'
import { formatBytes, parseBytes } from '../exchange/units.ts'
import { got } from './got.ts'

/** As people write it. A number is bytes. */
export type Size = string | number

/**
 * A size within bounds. It checks and does not transform: `sizeBytes` reads what it has let pass.
 * @param maxBytes infinite: there is no such bound
 * @param example a right value, for the message about a wrong one
 */
export function sizeSchema(minBytes: number, maxBytes: number, example: string): z.ZodType<Size, Size> {
  const isBounded = Number.isFinite(maxBytes)
  const range = isBounded
    ? `from ${formatBytes(minBytes)} to ${formatBytes(maxBytes)}`
    : `of ${formatBytes(minBytes)} or more`
  const error = ({ input }: { readonly input?: unknown }) => `expected a size ${range}, such as ${example}${got(input)}`
  return z.union([z.string(), z.number()], { error }).refine(
    (size) => {
      const bytes = sizeBytes(size)
      return bytes !== undefined && bytes >= minBytes && bytes <= maxBytes
    },
    { error },
  )
}

/** Of what a `sizeSchema` has let pass; undefined of all that is none. */
export function sizeBytes(size: Size): number | undefined {
  if (typeof size === 'string') return parseBytes(size)
  return Number.isSafeInteger(size) ? size : undefined
}
