import { loadConfig } from '../config/load.ts'
import type { RouterConfig } from '../config/router-config.ts'
import { findDevServers } from '../dev/dev-servers.ts'
import type { Io, OptionSpec, VerbArgs } from './verb.ts'

/** The settings that a verb's command line can override; a verb takes those that it has a use for. */
export const CONFIG_OPTIONS = {
  config: {
    type: 'string',
    short: 'c',
    value: 'FILE',
    description: 'Settings (ENGINE_ROUTER_CONFIG; config/router.yaml)',
  },
  'nats-url': { type: 'string', value: 'URL', description: 'NATS servers, by comma (NATS_URL)' },
  'nats-creds': { type: 'string', value: 'FILE', description: 'NATS credentials file (NATS_CREDS)' },
  'database-url': { type: 'string', value: 'URL', description: 'Postgres (DATABASE_URL)' },
  'log-level': { type: 'string', value: 'LEVEL', description: 'trace, debug, info, warn, error or fatal (LOG_LEVEL)' },
} as const satisfies Record<string, OptionSpec>

/**
 * The settings for one run of a verb: file < environment < flag. In a checkout where `npm run dev` runs, its servers take
 * the place of variables that are not set, unless a file of settings is named.
 */
export function loadVerbConfig(args: VerbArgs, io: Io): Promise<RouterConfig> {
  const isNamed = textOption(args.options.config) ?? io.env.ENGINE_ROUTER_CONFIG
  const dev = isNamed ? undefined : findDevServers(io.cwd)
  if (dev === undefined) return loadServeConfig(args, io)
  const env = {
    ...io.env,
    NATS_URL: io.env.NATS_URL || dev.natsUrl,
    DATABASE_URL: io.env.DATABASE_URL || dev.databaseUrl,
  }
  return loadServeConfig(args, { ...io, env })
}

/** The same for a router, which never takes another's servers by chance. */
export function loadServeConfig({ options }: VerbArgs, io: Io): Promise<RouterConfig> {
  const flags = {
    config: textOption(options.config),
    natsUrl: textOption(options['nats-url']),
    natsCreds: textOption(options['nats-creds']),
    databaseUrl: textOption(options['database-url']),
    port: textOption(options.port),
    logLevel: textOption(options['log-level']),
  }
  return loadConfig({ flags, env: io.env, cwd: io.cwd })
}

function textOption(value: VerbArgs['options'][string]): string | undefined {
  return typeof value === 'string' ? value : undefined
}
