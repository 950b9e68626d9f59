import type { ExchangeError } from './errors.ts'
import type { Dispatch, RequestHead } from './exchange.ts'

/** The client protocol that a route serves. */
export type Kind = 'http' | 'ws' | 'tcp'

/** What a route says, precompiled; shared by every exchange on it and never changed. */
export interface RouteSettings {
  /** Unique; the label in logs, metrics and traces. */
  readonly name: string
  readonly kind: Kind
  /** How plain replies are read: the first is the whole response, or each is a chunk. */
  readonly reply: 'single' | 'many'
  /** `whole`: the body is one message. `stream`: the backend speaks SX/1. */
  readonly body: 'whole' | 'stream'
  readonly websocket: 'stream' | 'rpc'
  /** From OPEN to the first reply. */
  readonly timeoutMs: number
  /** Between two chunks of a plain `many` reply. */
  readonly idleTimeoutMs: number
  /** Of the whole exchange; 0: no limit. */
  readonly maxDurationMs: number
  /** Largest request body, in bytes. */
  readonly maxBodyBytes: number
  /** How often OPEN is sent again after a 503; undefined: the transport decides (see docs/routes.md). */
  readonly noResponderRetries: number | undefined
  /** How long a request waits for a backend to appear; 0: not at all. */
  readonly holdMs: number
  readonly forwardHeaders: 'all' | 'none' | ReadonlySet<string>
}

/**
 * Finds out who the client is, and sets `identity` of the request; gives the error if it may not come in. A promise where
 * others have to be asked; it does not reject.
 */
export type Authenticate = (request: RequestHead) => ExchangeError | undefined | Promise<ExchangeError | undefined>

/** How requests on a route are served: policies and transport, composed once when the table was compiled. */
export interface RouteService {
  readonly dispatch: Dispatch
  /** For connections, before `authenticate`: what is to spare that has its say. `dispatch` does not count them again. */
  readonly admit?: ((request: RequestHead) => ExchangeError | undefined) | undefined
  /**
   * For connections, to refuse them before they are made; `dispatch` finds the identity then and does not ask again.
   * Undefined: everybody may come in.
   */
  readonly authenticate?: Authenticate | undefined
  /**
   * Answers a browser's question before a request of another origin: sets `responseHeaders`, which allow nothing if that
   * origin may not. Undefined: the question goes to the backend like any request.
   */
  readonly preflight?: ((request: RequestHead) => void) | undefined
}

export interface Route extends RouteSettings, RouteService {}

/** Whether an exchange on this route is a connection: messages both ways from the start, in place of a request's body. */
export function isDuplex(route: Pick<RouteSettings, 'kind' | 'websocket'>): boolean {
  return route.kind === 'tcp' || (route.kind === 'ws' && route.websocket === 'stream')
}
