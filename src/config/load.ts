import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { z } from 'zod'
import { issueMessage } from '../schema/issue-message.ts'
import { ConfigError } from './config-error.ts'
import { type DatabaseTls, withPassword, withTls } from './database-url.ts'
import { readYaml } from './located-yaml.ts'
import { type RouterConfig, toRouterConfig } from './router-config.ts'
import {
  adminTokenSchema,
  databaseUrlSchema,
  logLevelSchema,
  natsServersSchema,
  portSchema,
  routerConfigSchema,
} from './schema.ts'
import { readSecretFile } from './secret-file.ts'

export const DEFAULT_CONFIG_FILE = 'config/router.yaml'

/** What the command line sets, as text; all of it wins over the environment and the file. */
export interface ConfigFlags {
  readonly config?: string | undefined
  readonly natsUrl?: string | undefined
  readonly natsCreds?: string | undefined
  readonly databaseUrl?: string | undefined
  readonly port?: string | undefined
  readonly logLevel?: string | undefined
}

export interface LoadConfigOptions {
  readonly flags: ConfigFlags
  readonly env: NodeJS.ProcessEnv
  /** What relative paths start from. */
  readonly cwd: string
}

/** A value given outside of the file, and what to call it in a message. */
interface Override {
  readonly name: string
  readonly text: string
}

/**
 * Reads the settings: file < environment < flag. The default file may be missing, one that was named may not.
 * Throws DocumentError for what is wrong in the file, and ConfigError for the rest.
 */
export async function loadConfig({ flags, env, cwd }: LoadConfigOptions): Promise<RouterConfig> {
  const file = override('--config', flags.config, 'ENGINE_ROUTER_CONFIG', env)
  const text = await readConfigFile(file, cwd)
  const document = readYaml(text, file?.text ?? DEFAULT_CONFIG_FILE, routerConfigSchema).value
  const config = toRouterConfig(document)

  const problems: string[] = []
  const take = <T>(
    from: Override | undefined,
    schema: z.ZodType<T>,
    input: (text: string) => unknown,
    otherwise: T,
  ) => {
    if (from === undefined) return otherwise
    const result = schema.safeParse(input(from.text), { error: issueMessage })
    for (const { message } of result.error?.issues ?? []) problems.push(`${from.name}: ${message}`)
    return result.data ?? otherwise
  }
  const { listen, nats, database, log } = config
  const port = override('--port', flags.port, 'PORT', env)
  const servers = override('--nats-url', flags.natsUrl, 'NATS_URL', env)
  const url = override('--database-url', flags.databaseUrl, 'DATABASE_URL', env)
  const level = override('--log-level', flags.logLevel, 'LOG_LEVEL', env)
  const token =
    override('', undefined, 'ENGINE_ROUTER_ADMIN_TOKEN', env) ??
    (await secret('listen.admin.tokenFile', document.listen.admin.tokenFile, cwd))
  const { passwordFile, tls } = document.database
  const password = await secret('database.passwordFile', passwordFile, cwd)
  const result: RouterConfig = {
    ...config,
    listen: {
      ...listen,
      http: { ...listen.http, port: take(port, portSchema, numberOrText, listen.http.port) },
      admin: { ...listen.admin, token: take(token, adminTokenSchema.optional(), asItIs, listen.admin.token) },
    },
    nats: {
      ...nats,
      servers: take(servers, natsServersSchema, splitList, nats.servers),
      creds: override('--nats-creds', flags.natsCreds, 'NATS_CREDS', env)?.text ?? nats.creds,
    },
    database: { url: completeUrl(take(url, databaseUrlSchema, asItIs, database.url), password?.text, tls) },
    log: { level: take(level, logLevelSchema, asItIs, log.level) },
  }
  if (problems.length > 0) throw new ConfigError(problems.join('\n'))
  return result
}

function override(flag: string, value: string | undefined, variable: string, env: NodeJS.ProcessEnv) {
  if (value !== undefined) return { name: flag, text: value }
  const text = env[variable]
  // An empty variable is how a shell or a compose file says "not set".
  return text === undefined || text === '' ? undefined : { name: variable, text }
}

async function secret(key: string, path: string | undefined, cwd: string): Promise<Override | undefined> {
  return path === undefined ? undefined : { name: `${key} (${path})`, text: await readSecretFile(path, key, cwd) }
}

function completeUrl(url: string, password: string | undefined, tls: DatabaseTls | undefined): string {
  const known = password === undefined ? url : withPassword(url, password)
  return tls === undefined ? known : withTls(known, tls)
}

async function readConfigFile(named: Override | undefined, cwd: string): Promise<string> {
  const path = resolve(cwd, named?.text ?? DEFAULT_CONFIG_FILE)
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    if (missing && named === undefined) return ''
    const by = named === undefined ? '' : ` (named by ${named.name})`
    throw new ConfigError(`${path}${by} ${missing ? 'does not exist' : `cannot be read: ${(error as Error).message}`}`)
  }
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

function numberOrText(text: string): number | string {
  return /^\d+$/.test(text) ? Number(text) : text
}

function asItIs(text: string): string {
  return text
}
