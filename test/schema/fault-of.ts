import assert from 'node:assert/strict'
import type { z } from 'zod'

/** The one thing that is wrong with a value; undefined: nothing. */
export function faultOf(schema: z.ZodType, value: unknown): string | undefined {
  const issues = schema.safeParse(value).error?.issues ?? []
  assert.ok(issues.length <= 1, issues.map(({ message }) => message).join('\n'))
  return issues[0]?.message
}
