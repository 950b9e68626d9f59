/** `config/router.yaml`: what it may say, and what holds where it says nothing. docs/configuration.md is its manual. */
import { z } from 'zod'
import { isAddressRange } from '../exchange/address-range.ts'
import { parseBytes, parseDurationMs } from '../exchange/units.ts'
import { policyListSchema } from '../policies/policy-list.ts'
import { got } from './issue-message.ts'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const

const NATS_SERVER = /^(?:(?:nats|tls):\/\/)?(?:[^@\s/]+@)?(?:\[[0-9a-f:]+\]|[^\s:/@[\]]+)(?::\d{1,5})?\/?$/i
const NATS_SERVER_EXPECTED = 'expected a NATS server such as nats://127.0.0.1:4222'
const DATABASE_URL_EXPECTED = 'expected a URL such as postgres://user@127.0.0.1:5432/engine_router'

function isPostgresUrl(text: string): boolean {
  return URL.canParse(text) && /^postgres(ql)?:$/.test(new URL(text).protocol)
}

/** Text in, another type out; `undefined` from `parse` means that the text is not what was expected. */
function parsed<T>(expected: string, parse: (input: unknown) => T | undefined) {
  return z.unknown().transform((input, context): T => {
    const value = parse(input)
    if (value !== undefined) return value
    context.addIssue({ code: 'custom', message: `expected ${expected}${got(input)}` })
    return z.NEVER
  })
}

function duration(maxMs: number, expected: string) {
  return parsed(expected, (input) => {
    const ms = input === 0 ? 0 : typeof input === 'string' ? parseDurationMs(input) : undefined
    return ms !== undefined && ms <= maxMs ? ms : undefined
  })
}

function size(minBytes: number, maxBytes: number, expected: string) {
  return parsed(expected, (input) => {
    const bytes = typeof input === 'number' ? input : typeof input === 'string' ? parseBytes(input) : undefined
    return bytes !== undefined && Number.isInteger(bytes) && bytes >= minBytes && bytes <= maxBytes ? bytes : undefined
  })
}

/** A mapping all of whose keys have a default, so that it may be left out, or left empty. */
function section<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const mapping = z.strictObject(shape)
  return z.preprocess((input) => input ?? {}, mapping)
}

const host = z.string().min(1)

/** 0 takes any free port. */
export const portSchema = z.int().min(0).max(65_535)

const reusePort = z.boolean().default(false)

/** Servers of one cluster. The value is not repeated in messages: it may hold a password. */
export const natsServersSchema = z
  .array(z.string({ error: NATS_SERVER_EXPECTED }).regex(NATS_SERVER, { error: NATS_SERVER_EXPECTED }))
  .min(1)

/** The value is not repeated in messages: it may hold a password. */
export const databaseUrlSchema = z
  .string({ error: DATABASE_URL_EXPECTED })
  .refine(isPostgresUrl, { error: DATABASE_URL_EXPECTED })

const ADMIN_TOKEN_EXPECTED = 'expected a token of 16 to 512 visible characters, such as `openssl rand -hex 32` makes'

/** The value is not repeated in messages. */
export const adminTokenSchema = z
  .string({ error: ADMIN_TOKEN_EXPECTED })
  .regex(/^[\x21-\x7e]{16,512}$/, { error: ADMIN_TOKEN_EXPECTED })

export const logLevelSchema = z.enum(LOG_LEVELS)

const MUX_TAKES_NONE = [
  ['route', 'clients name a path'],
  ['framing', 'its clients choose between JSON and binary frames'],
  ['idleTimeout', 'it closes clients that have been silent for 60s'],
] as const

const originSchema = z.string().regex(/^(?:\*|null|[a-z][a-z0-9+.-]*:\/\/[^/\s@]+)$/i, {
  error: 'expected an origin such as https://app.example.com, without a path, or * for all',
})

const tlsSchema = z
  .strictObject({
    cert: z.string().min(1),
    key: z.string().min(1),
    clientCa: z.string().min(1).optional(),
    clientAuth: z.enum(['none', 'request', 'require']).optional(),
  })
  .superRefine(({ clientCa, clientAuth = 'none' }, context) => {
    if (clientCa !== undefined || clientAuth === 'none') return
    const message = 'is missing; clientAuth needs the certificates of the authorities whose clients are let in'
    context.addIssue({ code: 'custom', path: ['clientCa'], message })
  })

const addressRangeSchema = z.string().refine(isAddressRange, {
  error: 'expected an IP address or a range of them, such as 10.0.0.0/8',
})

/** Towards a server: whom to trust, and what to show. */
const clientTlsSchema = z
  .strictObject({
    ca: z.string().min(1).optional(),
    cert: z.string().min(1).optional(),
    key: z.string().min(1).optional(),
  })
  .superRefine(({ cert, key }, context) => {
    if ((cert === undefined) === (key === undefined)) return
    const [missing, other] = cert === undefined ? ['cert', 'key'] : ['key', 'cert']
    context.addIssue({ code: 'custom', path: [missing!], message: `is missing; it goes with ${other}` })
  })

const tcpListenerSchema = z
  .strictObject({
    host: host.default('0.0.0.0'),
    port: portSchema,
    reusePort,
    protocol: z.enum(['mux', 'raw']),
    route: z.string().min(1).optional(),
    framing: z.enum(['none', 'line', 'u32']).optional(),
    idleTimeout: duration(86_400_000, 'a duration from 0s to 1d, such as 5m').optional(),
    tls: tlsSchema.optional(),
    proxyProtocol: z.boolean().default(false),
    maxConnections: z.int().min(1).max(10_000_000).optional(),
  })
  .superRefine((listener, context) => {
    if (listener.protocol === 'raw') {
      if (listener.route !== undefined) return
      context.addIssue({ code: 'custom', path: ['route'], message: 'is missing; a raw listener needs a route by name' })
      return
    }
    for (const [key, why] of MUX_TAKES_NONE) {
      if (listener[key] === undefined) continue
      context.addIssue({ code: 'custom', path: [key], message: `a mux listener takes none: ${why}` })
    }
  })

export const routerConfigSchema = section({
  listen: section({
    http: section({
      host: host.default('0.0.0.0'),
      port: portSchema.default(8080),
      reusePort,
      origins: z.array(originSchema).optional(),
      trustedProxies: z.array(addressRangeSchema).default([]),
      tls: tlsSchema.optional(),
    }),
    admin: section({
      host: host.default('127.0.0.1'),
      port: portSchema.default(9090),
      reusePort,
      token: adminTokenSchema.optional(),
      tokenFile: z.string().min(1).optional(),
    }),
    tcp: z.array(tcpListenerSchema).default([]),
  }),
  nats: section({
    servers: natsServersSchema.default(['nats://127.0.0.1:4222']),
    inboxPrefix: z
      .string()
      .regex(/^[\w-]+(\.[\w-]+)*$/)
      .default('_INBOX'),
    creds: z.string().min(1).optional(),
    tls: clientTlsSchema.optional(),
    service: z.boolean().default(true),
    workspaceCreds: z
      .string()
      .regex(/\{(?:id|name)\}/, 'expected a path with {id} or {name}, such as creds/{name}.creds')
      .optional(),
  }),
  database: section({
    url: databaseUrlSchema.default('postgres://engine_router@127.0.0.1:5432/engine_router'),
    passwordFile: z.string().min(1).optional(),
    tls: clientTlsSchema.optional(),
  }),
  routes: section({
    file: z.string().min(1).optional(),
    watch: z.boolean().default(true),
    cache: z.string().min(1).default('.data/routes-cache.json'),
  }),
  limits: section({
    bodyBytes: size(1, Number.MAX_SAFE_INTEGER, 'a size such as 10MiB').default(10 * 1024 ** 2),
    headerBytes: size(1024, 1024 ** 2, 'a size from 1KiB to 1MiB').default(16 * 1024),
    uriBytes: size(256, 64 * 1024, 'a size from 256B to 64KiB').default(8 * 1024),
    messageBytes: size(1024, 16 * 1024 ** 2, 'a size from 1KiB to 16MiB').default(1024 ** 2),
    connections: z.int().min(1).max(10_000_000).default(100_000),
    connectionsPerIp: z.int().min(1).max(10_000_000).default(1000),
    exchanges: z.int().min(1).max(10_000_000).default(100_000),
    loopDelay: duration(60_000, 'a duration from 0s to 1m, such as 50ms').default(50),
    streams: z.int().min(1).max(100_000).default(100),
    messagesPerSecond: z.int().min(0).max(10_000_000).default(20_000),
    bytesPerSecond: size(0, Number.MAX_SAFE_INTEGER, 'a size such as 10MiB, or 0').default(0),
    bodyBytesPerSecond: size(0, 1024 ** 3, 'a size up to 1GiB, or 0').default(500),
    stallTimeout: parsed('a duration from 1s to 1h, such as 30s', (input) => {
      const ms = typeof input === 'string' ? parseDurationMs(input) : undefined
      return ms !== undefined && ms >= 1000 && ms <= 3_600_000 ? ms : undefined
    }).default(60_000),
    bufferedBytes: size(1024 ** 2, Number.MAX_SAFE_INTEGER, 'a size from 1MiB').default(1024 ** 3),
  }),
  policies: policyListSchema.default([]),
  drain: section({
    delay: duration(3_600_000, 'a duration from 0s to 1h, such as 5s').default(0),
    timeout: duration(3_600_000, 'a duration from 0s to 1h, such as 30s').default(30_000),
  }),
  log: section({ level: logLevelSchema.default('info') }),
})

/** The file as it stands once it is checked: every default filled in, units parsed. */
export type RouterDocument = z.output<typeof routerConfigSchema>
