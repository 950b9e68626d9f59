import { CONFIG_OPTIONS, loadVerbConfig } from './config-options.ts'
import { listenerUrl } from './listener-url.ts'
import { type Io, type OptionSpec, UsageError, type VerbArgs, VerbError } from './verb.ts'

const ANSWER_MS = 5000

/** Of the verbs that speak to a running router. */
export const ADMIN_OPTIONS = {
  url: { type: 'string', value: 'URL', description: 'Admin listener of the router (listen.admin of the settings)' },
  config: CONFIG_OPTIONS.config,
} as const satisfies Record<string, OptionSpec>

/** An answer that is an error; `code` is the API's, such as `no_connection`. */
export class AdminRefusal extends VerbError {
  readonly code: unknown

  constructor(code: unknown, message: string) {
    super(message)
    this.code = code
  }
}

/** The admin listener of one router. */
export interface AdminClient {
  /** Where it is. */
  readonly url: string
  /** JSON of the API. Throws VerbError for whatever is in the way. */
  ask(method: 'GET' | 'POST' | 'DELETE', path: string): Promise<unknown>
  /** Prometheus text. */
  metrics(): Promise<string>
}

export async function createAdminClient(args: VerbArgs, io: Io): Promise<AdminClient> {
  const { listen } = await loadVerbConfig(args, io)
  const base = typeof args.options.url === 'string' ? parseUrl(args.options.url) : listenerUrl(listen.admin)
  const { token } = listen.admin
  const send = async (method: string, path: string) => {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const signal = AbortSignal.any([io.signal, AbortSignal.timeout(ANSWER_MS)])
    try {
      // A redirect would hand the token on.
      const response = await fetch(new URL(path, base), { method, headers, signal, redirect: 'error' })
      return { response, text: await response.text() }
    } catch (cause) {
      io.signal.throwIfAborted()
      throw new VerbError(`${base.origin} does not answer (${reasonOf(cause)}): is a router running there? See --url`, {
        cause,
      })
    }
  }
  return {
    url: base.origin,
    async ask(method, path) {
      const { response, text } = await send(method, path)
      const value = parseJson(text, base.origin)
      if (response.ok) return value
      const { code, title } = value as { code?: unknown; title?: unknown }
      const advice = response.status === 401 ? '; set ENGINE_ROUTER_ADMIN_TOKEN to what the router has' : ''
      throw new AdminRefusal(code, `${base.origin} says ${response.status}: ${String(title)}${advice}`)
    },
    async metrics() {
      const { response, text } = await send('GET', '/metrics')
      if (response.ok) return text
      throw new VerbError(`${base.origin}/metrics says ${response.status}`)
    },
  }
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url !== undefined && /^https?:$/.test(url.protocol)) return url
  throw new UsageError(`--url takes a URL such as http://127.0.0.1:9090, not "${text}"`)
}

function parseJson(text: string, origin: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new VerbError(`what answers at ${origin} is not a router's admin listener; see --url`, { cause })
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message
}
