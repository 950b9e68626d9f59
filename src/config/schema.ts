/** `config/router.yaml`: what it may say, and what holds where it says nothing. docs/configuration.md is its manual. */
import { z } from 'zod'
import { isAddressRange } from '../exchange/address-range.ts'
import { policyListSchema } from '../policies/policy-list.ts'
import { durationMs, durationSchema } from '../schema/duration.ts'
import { sizeBytes, sizeSchema } from '../schema/size.ts'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const

const NATS_SERVER = /^(?:(?:nats|tls):\/\/)?(?:[^@\s/]+@)?(?:\[[0-9a-f:]+\]|[^\s:/@[\]]+)(?::\d{1,5})?\/?$/i
const NATS_SERVER_EXPECTED = 'expected a NATS server such as nats://127.0.0.1:4222'
const DATABASE_URL_EXPECTED = 'expected a URL such as postgres://user@127.0.0.1:5432/engine_router'

function isPostgresUrl(text: string): boolean {
  return URL.canParse(text) && /^postgres(ql)?:$/.test(new URL(text).protocol)
}

function duration(minMs: number, maxMs: number, example: string) {
  return durationSchema(minMs, maxMs, example).transform((value) => durationMs(value, 0))
}

function size(minBytes: number, maxBytes: number, example: string) {
  return sizeSchema(minBytes, maxBytes, example).transform((value) => sizeBytes(value) ?? 0)
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
    idleTimeout: duration(0, 86_400_000, '5m').optional(),
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
      mux: z.boolean().default(true),
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
    bodyBytes: size(1, Infinity, '10MiB').default(10 * 1024 ** 2),
    headerBytes: size(1024, 1024 ** 2, '16KiB').default(16 * 1024),
    uriBytes: size(256, 64 * 1024, '8KiB').default(8 * 1024),
    messageBytes: size(1024, 16 * 1024 ** 2, '1MiB').default(1024 ** 2),
    connections: z.int().min(1).max(10_000_000).default(100_000),
    connectionsPerIp: z.int().min(1).max(10_000_000).default(1000),
    exchanges: z.int().min(1).max(10_000_000).default(100_000),
    loopDelay: duration(0, 60_000, '50ms').default(50),
    streams: z.int().min(1).max(100_000).default(100),
    messagesPerSecond: z.int().min(0).max(10_000_000).default(20_000),
    bytesPerSecond: size(0, Infinity, '10MiB').default(0),
    bodyBytesPerSecond: size(0, 1024 ** 3, '500B').default(500),
    stallTimeout: duration(1000, 3_600_000, '30s').default(60_000),
    bufferedBytes: size(1024 ** 2, Infinity, '1GiB').default(1024 ** 3),
    bufferedBytesPerIp: size(1024 ** 2, Infinity, '256MiB').default(256 * 1024 ** 2),
    bufferedBytesPerConnection: size(64 * 1024, Infinity, '64MiB').default(64 * 1024 ** 2),
  }),
  policies: policyListSchema.default([]),
  drain: section({
    delay: duration(0, 3_600_000, '5s').default(0),
    timeout: duration(0, 3_600_000, '30s').default(30_000),
  }),
  log: section({ level: logLevelSchema.default('info') }),
})

/** The file as it stands once it is checked: every default filled in, units parsed. */
export type RouterDocument = z.output<typeof routerConfigSchema>
