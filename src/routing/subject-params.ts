/** `params` of a route: values for the subject that do not come from the path as they are. */
import { z } from 'zod'
import { headerNameSchema } from '../schema/header-fields.ts'
import { issueMessage } from '../schema/issue-message.ts'

const NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/
const CLAIM = /^[^.{}\s\p{Cc}]+(?:\.[^.{}\s\p{Cc}]+)*$/u
const SOURCES = ['header', 'query', 'host', 'claim'] as const

const paramSchema = z
  .strictObject({
    header: headerNameSchema.optional(),
    query: z.string().min(1).max(128).optional(),
    host: z.int().min(0).max(31).optional(),
    claim: z.string().max(256).regex(CLAIM, 'expected the name of a claim, such as `sub` or `org.id`').optional(),
    workspace: z.boolean().optional(),
  })
  .superRefine((param, context) => {
    const sources = SOURCES.filter((source) => param[source] !== undefined)
    const complain = (message: string) => context.addIssue({ code: 'custom', message })
    if (sources.length > 1) complain(`a value has one source, not ${sources.join(' and ')}`)
    if (sources.length === 0 && param.workspace !== true) {
      complain('say where the value comes from (`header`, `query`, `host` or `claim`), or `workspace: true`')
    }
  })

export type ParamDocument = z.output<typeof paramSchema>
export type ParamsDocument = Readonly<Record<string, ParamDocument>>

/** Not z.record, which silently drops a key named `__proto__`. */
export const paramsSchema = z
  .custom<ParamsDocument>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    'expected a mapping of names to where their values come from',
  )
  .superRefine((params, context) => {
    const entries = Object.entries<unknown>(params)
    const tenants = entries.filter(([, param]) => (param as ParamDocument | null)?.workspace === true)
    if (tenants.length > 1) context.addIssue({ code: 'custom', message: 'a route names at most one workspace' })
    if (entries.length > 16) context.addIssue({ code: 'custom', message: 'a route has at most 16 params' })
    for (const [name, param] of entries) {
      if (!NAME.test(name))
        context.addIssue({ code: 'custom', message: 'expected a name such as `region`', path: [name] })
      const { error } = paramSchema.safeParse(param, { error: issueMessage })
      for (const issue of error?.issues ?? []) {
        context.addIssue({ ...issue, path: [name, ...issue.path] } as Parameters<typeof context.addIssue>[0])
      }
    }
  })

/** Where a value of the subject comes from that is found out after the policies have had their say. */
export interface LateParam {
  /** As in the template, without the braces. */
  readonly name: string
  readonly source: 'path' | 'header' | 'query' | 'host' | 'claim'
  /** Of the header, the query's field, the host's label or the claim; of the path, nothing. */
  readonly key: string
  /** The value names a workspace, by id or by name, and becomes its id. */
  readonly workspace: boolean
}

/** The late parameter that a name in a template stands for; undefined: the path has it as it is. */
export function lateParam(name: string, params: ParamsDocument): LateParam | undefined {
  if (name.startsWith('claims.')) {
    return { name, source: 'claim', key: name.slice('claims.'.length), workspace: false }
  }
  const param = Object.hasOwn(params, name) ? params[name] : undefined
  if (param === undefined) return undefined
  const source = SOURCES.find((source) => param[source] !== undefined) ?? 'path'
  const key = source === 'path' ? '' : String(param[source])
  return { name, source, key: source === 'header' ? key.toLowerCase() : key, workspace: param.workspace === true }
}
