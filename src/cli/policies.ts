import { POLICY_KINDS } from '../policies/index.ts'
import { renderPolicy, toJsonSchema } from '../policies/policy-reference.ts'
import { printJson, printLine } from './print.ts'
import { UsageError, type Verb } from './verb.ts'

export const verb: Verb = {
  usage: '[NAME...]',
  options: { json: { type: 'boolean', description: 'Print the JSON Schema of the options of each' } },
  examples: ['engine-router policies rateLimit', 'engine-router policies --json'],
  async run({ positionals, options }, io) {
    const kinds = positionals.length === 0 ? POLICY_KINDS : positionals.map(kindNamed)
    if (options.json === true) {
      printJson(io, {
        policies: kinds.map((kind) => ({ name: kind.name, summary: kind.summary, options: toJsonSchema(kind) })),
      })
      return 0
    }
    for (const kind of kinds) printLine(io, `## ${kind.name}\n\n${renderPolicy(kind)}`)
    return 0
  },
}

function kindNamed(name: string) {
  const kind = POLICY_KINDS.find((policy) => policy.name === name)
  if (kind !== undefined) return kind
  throw new UsageError(
    `no policy is named "${name}"; there are ${POLICY_KINDS.map((policy) => policy.name).join(', ')}`,
  )
}
