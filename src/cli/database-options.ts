import { CONFIG_OPTIONS } from './config-options.ts'
import type { OptionSpec } from './verb.ts'

/** Of the verbs that need the database and nothing else. */
export const DATABASE_OPTIONS = {
  json: { type: 'boolean', description: 'Print one JSON document' },
  'database-url': CONFIG_OPTIONS['database-url'],
  config: CONFIG_OPTIONS.config,
} as const satisfies Record<string, OptionSpec>
