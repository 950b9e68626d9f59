import { z } from 'zod'
import { POLICY_KINDS } from './index.ts'

/** One entry of a list of policies. `off` with a name: none of that kind, whatever the defaults say. */
export interface PolicySpec {
  readonly kind: string
  /** As in the document; checked. */
  readonly options: unknown
}

/** What a route has, and what YAML and the database say of it: a list of mappings with one key each. */
export type PolicyListDocument = readonly Readonly<Record<string, unknown>>[]

/** Policies that a route of raw TCP cannot have. */
export const NEED_HEADERS: ReadonlySet<string> = new Set(
  POLICY_KINDS.filter(({ needsHeaders }) => needsHeaders === true).map(({ name }) => name),
)

const names = POLICY_KINDS.map(({ name }) => name)

const entrySchema = z
  .strictObject({
    ...Object.fromEntries(POLICY_KINDS.map(({ name, schema }) => [name, schema.optional()])),
    off: z.enum(names as [string, ...string[]], { error: `expected one of ${names.join(', ')}` }).optional(),
  })
  .superRefine((entry, context) => {
    const count = Object.keys(entry).length
    // What is not known is not counted here, and has been complained of.
    const isMisspelt = count === 0 && context.issues.some(({ code }) => code === 'unrecognized_keys')
    if (count === 1 || isMisspelt) return
    const message = `expected one policy an entry, such as \`- ${names[0]}: {...}\``
    context.addIssue({ code: 'custom', message: count === 0 ? message : `${message}: begin another with \`-\`` })
  })

/** Checks and does not transform. */
export const policyListSchema: z.ZodType<PolicyListDocument, PolicyListDocument> = z
  .array(entrySchema as unknown as z.ZodType<PolicyListDocument[number], PolicyListDocument[number]>)
  .max(32)

/** Of a list that the schema has let pass. */
export function toPolicySpecs(list: PolicyListDocument | undefined): PolicySpec[] {
  return (list ?? []).map((entry) => {
    const [kind, options] = Object.entries(entry)[0]!
    return { kind, options }
  })
}

/**
 * A route's own policies over the defaults: those of a kind that the route names stand where the default of that kind
 * stood; what the defaults do not have comes after them.
 */
export function mergePolicies(defaults: readonly PolicySpec[], own: readonly PolicySpec[]): PolicySpec[] {
  const off = new Set(own.filter(({ kind }) => kind === 'off').map(({ options }) => options))
  const named = new Set(own.map(({ kind }) => kind))
  const placed = new Set<string>()
  const merged: PolicySpec[] = []
  for (const policy of defaults) {
    const { kind } = policy
    if (kind === 'off' || off.has(kind)) continue
    if (!named.has(kind)) merged.push(policy)
    else if (!placed.has(kind)) merged.push(...own.filter((other) => other.kind === kind))
    placed.add(kind)
  }
  const rest = own.filter(({ kind }) => kind !== 'off' && !(placed.has(kind) && named.has(kind)))
  return [...merged, ...rest]
}
