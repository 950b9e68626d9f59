import { z } from 'zod'
import { isSubjectId } from '../../exchange/identity.ts'

const MAX_ANSWER_BYTES = 64 * 1024
const MAX_TTL_S = 86_400

const answerSchema = z.discriminatedUnion('allow', [
  z.object({
    allow: z.literal(true),
    subjectId: z.string().refine(isSubjectId, 'expected 1 to 256 visible ASCII characters'),
    claims: z.looseObject({}).optional(),
    headers: z.record(z.string(), z.string().max(4096)).optional(),
    ttl: z.number().min(0).max(MAX_TTL_S).optional(),
    expires: z.number().optional(),
  }),
  z.object({
    allow: z.literal(false),
    status: z.union([z.literal(401), z.literal(403)]).optional(),
    ttl: z.number().min(0).max(MAX_TTL_S).optional(),
  }),
])

/** What a service says of a request: docs/policies.md has its manual. */
export type Answer = z.output<typeof answerSchema>

/** @returns why it is no answer, for the log, if it is none */
export function parseAnswer(bytes: Uint8Array): Answer | string {
  if (bytes.length > MAX_ANSWER_BYTES) return `it has more than ${MAX_ANSWER_BYTES} bytes`
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes).toString())
  } catch {
    return 'it is not JSON'
  }
  const result = answerSchema.safeParse(value)
  if (result.success) return result.data
  const { path, message } = result.error.issues[0]!
  return `${path.join('.')}: ${message}`
}
