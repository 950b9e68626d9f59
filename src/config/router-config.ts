import { type PolicySpec, toPolicySpecs } from '../policies/policy-list.ts'
import type { LOG_LEVELS, RouterDocument } from './schema.ts'

export interface NatsTls {
  /** Authorities to trust in place of those that Node knows. */
  readonly ca: string | undefined
  /** What to show the servers; with `key`, or neither. */
  readonly cert: string | undefined
  readonly key: string | undefined
}

/** PEM files by their paths. */
export interface ListenerTls {
  readonly cert: string
  readonly key: string
  /** The authorities whose clients are let in; there unless `clientAuth` is `none`. */
  readonly clientCa: string | undefined
  readonly clientAuth: 'none' | 'request' | 'require'
}

export interface HttpListener {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** With other processes: a new one takes over before this one stops. */
  readonly reusePort: boolean
  /** Pages that may open a WebSocket; undefined: those of the host that the request names. `*`: all. */
  readonly origins: readonly string[] | undefined
  /** Whether WebSockets on `/_sx` have many exchanges. */
  readonly mux: boolean
  /** Addresses and ranges whose word on who their client is is taken. */
  readonly trustedProxies: readonly string[]
  /** Undefined: no TLS. */
  readonly tls: ListenerTls | undefined
}

export interface AdminListener {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** As of `HttpListener`. */
  readonly reusePort: boolean
  /** That clients of the API have to show; undefined: none, and no API unless it listens on loopback. */
  readonly token: string | undefined
}

export interface TcpListener {
  readonly host: string
  readonly port: number
  /** As of `HttpListener`. */
  readonly reusePort: boolean
  readonly protocol: 'mux' | 'raw'
  /** The name of a route with kind tcp; there for `raw` and only there. */
  readonly route: string | undefined
  /** How a raw connection is cut into messages; without meaning for `mux`. */
  readonly framing: 'none' | 'line' | 'u32'
  /** Of a raw connection; 0: no limit. */
  readonly idleTimeoutMs: number
  /** Undefined: no TLS. */
  readonly tls: ListenerTls | undefined
  /** Connections begin with a PROXY header. */
  readonly proxyProtocol: boolean
  readonly maxConnections: number
}

export type LogLevel = (typeof LOG_LEVELS)[number]

/** Everything a router is told at its start, every default filled in. */
export interface RouterConfig {
  readonly listen: {
    readonly http: HttpListener
    readonly admin: AdminListener
    readonly tcp: readonly TcpListener[]
  }
  readonly nats: {
    readonly servers: readonly string[]
    readonly inboxPrefix: string
    /** Path of a credentials file. */
    readonly creds: string | undefined
    /** Paths of PEM files; undefined: TLS is the servers' choice, and the authorities are those that Node knows. */
    readonly tls: NatsTls | undefined
    /** Answer operators as a NATS micro service. */
    readonly service: boolean
    /** Path of each workspace's credentials file, with `{id}` or `{name}`; undefined: they share one connection. */
    readonly workspaceCreds: string | undefined
  }
  readonly database: { readonly url: string }
  readonly routes: {
    /** Applied at the start; undefined: the database alone knows the routes. */
    readonly file: string | undefined
    /** Apply the file again whenever it changes. */
    readonly watch: boolean
    /** The last good table, for a start without a database. */
    readonly cacheFile: string
  }
  readonly limits: {
    readonly bodyBytes: number
    readonly headerBytes: number
    readonly uriBytes: number
    /** Of one WebSocket message. */
    readonly messageBytes: number
    readonly connections: number
    readonly connectionsPerIp: number
    /** Open at once over one connection to NATS. */
    readonly exchanges: number
    /** For how long requests may hold the event loop up, turn after turn, before some are refused; 0: any time. */
    readonly loopDelayMs: number
    /** Exchanges open at once on a multiplexed connection. */
    readonly streams: number
    /** That a client may send on one connection; 0: no limit. */
    readonly messagesPerSecond: number
    /** The same. */
    readonly bytesPerSecond: number
    /** That a client must send of a body, on average over `stallTimeoutMs`. */
    readonly bodyBytesPerSecond: number
    /** For which a client may send too little of a body, or take nothing of a response. */
    readonly stallTimeoutMs: number
    /** That may wait in the process, of all clients together. */
    readonly bufferedBytes: number
    readonly bufferedBytesPerIp: number
    readonly bufferedBytesPerConnection: number
  }
  /** Of every route that does not say otherwise. */
  readonly policies: readonly PolicySpec[]
  readonly drain: {
    /** Not ready, and serves as before: for load balancers to notice. */
    readonly delayMs: number
    /** After that, for what is under way. */
    readonly timeoutMs: number
  }
  readonly log: { readonly level: LogLevel }
}

/** From the words of the file to those of the code. */
export function toRouterConfig({
  listen,
  nats,
  database,
  routes,
  limits,
  policies,
  drain,
  log,
}: RouterDocument): RouterConfig {
  return {
    listen: {
      http: { ...listen.http, origins: listen.http.origins, tls: toListenerTls(listen.http.tls) },
      admin: { ...listen.admin, token: listen.admin.token },
      tcp: listen.tcp.map(({ idleTimeout, ...listener }) => ({
        ...listener,
        route: listener.route,
        framing: listener.framing ?? 'none',
        idleTimeoutMs: idleTimeout ?? 0,
        tls: toListenerTls(listener.tls),
        maxConnections: listener.maxConnections ?? limits.connections,
      })),
    },
    nats: { ...nats, creds: nats.creds, workspaceCreds: nats.workspaceCreds, tls: toNatsTls(nats.tls) },
    database: { url: database.url },
    routes: { file: routes.file, watch: routes.watch, cacheFile: routes.cache },
    limits: toLimits(limits),
    policies: toPolicySpecs(policies),
    drain: { delayMs: drain.delay, timeoutMs: drain.timeout },
    log,
  }
}

/** Who names authorities wants their clients, and no others. */
function toListenerTls(tls: RouterDocument['listen']['http']['tls']): ListenerTls | undefined {
  if (tls === undefined) return undefined
  const { clientCa, clientAuth = clientCa === undefined ? 'none' : 'require' } = tls
  return { ...tls, clientCa, clientAuth }
}

function toLimits({ stallTimeout, loopDelay, ...limits }: RouterDocument['limits']): RouterConfig['limits'] {
  return { ...limits, stallTimeoutMs: stallTimeout, loopDelayMs: loopDelay }
}

function toNatsTls(tls: RouterDocument['nats']['tls']): NatsTls | undefined {
  return tls && { ca: tls.ca, cert: tls.cert, key: tls.key }
}

/** The configuration for a log or a screen: passwords, tokens and the path of credentials are left out. */
export function describeConfig(config: RouterConfig): RouterConfig {
  return {
    ...config,
    listen: { ...config.listen, admin: hideToken(config.listen.admin) },
    nats: {
      ...config.nats,
      servers: config.nats.servers.map(hideUserInfo),
      creds: config.nats.creds === undefined ? undefined : '***',
      workspaceCreds: config.nats.workspaceCreds === undefined ? undefined : '***',
    },
    database: { url: hidePassword(config.database.url) },
    policies: config.policies.map(hideSetFields),
  }
}

/** Of fields that are set for backends some are credentials. */
function hideSetFields(spec: PolicySpec): PolicySpec {
  if (spec.kind !== 'headers') return spec
  const hidden = (name: string, value: unknown) => (name === 'set' ? Object.keys(value as object) : value)
  return { ...spec, options: JSON.parse(JSON.stringify(spec.options, hidden)) }
}

function hideToken(admin: AdminListener): AdminListener {
  return { ...admin, token: admin.token === undefined ? undefined : '***' }
}

/** `nats://user:secret@host` -> `nats://***@host`: what stands before the `@` may also be a token. */
export function hideUserInfo(server: string): string {
  return server.replace(/^([a-z]+:\/\/)?[^@/]*@/i, '$1***@')
}

/** Also of the parameters, where a password may stand as well. */
export function hidePassword(databaseUrl: string): string {
  const url = new URL(databaseUrl)
  if (url.password !== '') url.password = '***'
  if (url.searchParams.has('password')) url.searchParams.set('password', '***')
  return url.href
}
