/** What the manual says of the options of policies, made of their schemas. */
import { z } from 'zod'
import type { PolicyKind } from './policy.ts'

export interface PolicyOption {
  /** From the top, with dots: `request.set`. */
  readonly name: string
  /** What it takes, for people. */
  readonly type: string
  /** Undefined: there is none. */
  readonly default: string | undefined
  readonly isRequired: boolean
  readonly description: string
}

/** As much of JSON Schema as the options of policies need. */
interface JsonSchema {
  readonly type?: string
  readonly title?: string
  readonly description?: string
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
}

/** For editors and other programs. Checks that span several options are not in it. */
export function toJsonSchema({ schema }: PolicyKind): object {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
}

/** In the order of the schema. */
export function optionsOf(kind: PolicyKind): PolicyOption[] {
  return [...describe(toJsonSchema(kind), '')]
}

function* describe({ properties = {}, required = [] }: JsonSchema, prefix: string): Generator<PolicyOption> {
  for (const [key, schema] of Object.entries(properties)) {
    const name = prefix + key
    // What holds where an option is not given is the last sentence of its description.
    const [, text = '', fallback] = /^(.*?)(?:(?:^| )Default:? (.+)\.)?$/s.exec(schema.description ?? '') ?? []
    yield { name, type: typeOf(schema), default: fallback, isRequired: required.includes(key), description: text }
    yield* describe(schema, `${name}.`)
    if (schema.items !== undefined) yield* describe(schema.items, `${name}[].`)
  }
}

function typeOf(schema: JsonSchema): string {
  const { title, anyOf, items, minimum, maximum } = schema
  if (title !== undefined) return title
  if (schema.enum !== undefined) return alternatives(schema.enum.map((value) => `\`${value}\``))
  if (anyOf !== undefined) return alternatives([...new Set(anyOf.map(typeOf))])
  switch (schema.type) {
    case 'string':
      return 'text'
    case 'boolean':
      return '`true` or `false`'
    case 'array':
      return items === undefined ? 'list' : `list of ${typeOf(items)}`
    case 'integer':
    case 'number':
      return `${minimum?.toLocaleString('en-US')} to ${maximum?.toLocaleString('en-US')}`
    default:
      return 'mapping'
  }
}

function alternatives(values: readonly string[]): string {
  return values.length < 2 ? values.join() : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`
}

/** The summary, and a table of the options. */
export function renderPolicy(kind: PolicyKind): string {
  const rows = optionsOf(kind).map(({ name, type, isRequired, default: fallback = '', description }) => {
    const otherwise = isRequired ? 'required' : /^[\w.]+$/.test(fallback) ? `\`${fallback}\`` : fallback
    return [`\`${name}\``, type, otherwise, description].map((cell) => cell.replaceAll('|', '\\|')).join(' | ')
  })
  const lines = ['| option | takes | default | meaning |', '|---|---|---|---|', ...rows.map((row) => `| ${row} |`)]
  return `${kind.summary}\n\n${lines.join('\n')}\n`
}
