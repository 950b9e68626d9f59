import { type Clock, systemClock } from './clock.ts'
import { type ClientState, closedError, Dialer } from './dialer.ts'
import { Duplex, type OpenInit } from './duplex.ts'
import { type FetchInit, fetchThrough } from './fetch.ts'
import type { Session } from './open-exchange.ts'
import type { HeaderFields } from './request-headers.ts'
import type { TokenOption } from './token.ts'
import type { Encoding, WebSocketConstructor } from './web-socket.ts'

export interface ConnectOptions {
  /** Who it is, on every request; a function is asked for each connection, before the token expires, and after a 401. */
  readonly token?: TokenOption
  /** Of every request. */
  readonly headers?: HeaderFields
  /** Connects at once, and again after each loss; otherwise when a request needs it. Default false. */
  readonly eager?: boolean | undefined
  /** Default `bin`. */
  readonly encoding?: Encoding | undefined
  /** Default the global one, which Node has from 22. */
  readonly WebSocket?: WebSocketConstructor | undefined
  /** For the jitter of retries: from 0 up to 1. Default Math.random. */
  readonly random?: (() => number) | undefined
  readonly clock?: Clock | undefined
}

/** Requests and streams over one connection to a router, which comes back when it is lost. */
export class Client {
  /** Called with each new state. */
  onstate: ((state: ClientState) => void) | undefined
  readonly #session: Session
  readonly #dialer: Dialer

  constructor(url: string, options: ConnectOptions) {
    const { token, headers, eager = false, encoding = 'bin', random = Math.random, clock = systemClock } = options
    const { WebSocket = (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket } = options
    if (WebSocket === undefined)
      throw new Error('there is no WebSocket here: pass one, as that of the package ws, in connect(url, { WebSocket })')
    this.#dialer = new Dialer({
      url: muxUrl(url),
      WebSocket,
      encoding,
      clock,
      random,
      eager,
      token,
      onState: (state) => this.onstate?.(state),
    })
    const fixed = new Headers(headers)
    this.#session = {
      lives: new Set(),
      dialer: this.#dialer,
      clock,
      random,
      headers: () => new Headers(fixed),
    }
  }

  get state(): ClientState {
    return this.#dialer.state
  }

  /**
   * As the global `fetch`, with the path of a route. Read the body to its end or cancel it: unread, it holds its place
   * on the connection.
   * @throws RouterError for what the router refuses; the signal's reason if it aborts
   */
  fetch(path: string, init: FetchInit = {}): Promise<Response> {
    return fetchThrough(this.#session, path, init)
  }

  /** Opens a stream of messages both ways; at once, and what goes wrong shows in its promises. */
  open(path: string, init: OpenInit = {}): Duplex {
    return new Duplex(this.#session, path, init)
  }

  /** What is under way fails with the code `closed`; nothing is left. */
  close(): void {
    const reason = closedError()
    for (const life of [...this.#session.lives]) life.abort(reason)
    this.#dialer.close()
  }
}

/** @param url of the router: ws, wss, http or https, with a path if it is not at the root */
export function connect(url: string, options: ConnectOptions = {}): Client {
  return new Client(url, options)
}

function muxUrl(base: string): string {
  const url = new URL(base)
  url.protocol = url.protocol.replace('http', 'ws')
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:')
    throw new TypeError(`the router's URL begins with ws, wss, http or https: ${base}`)
  url.pathname = `${url.pathname.replace(/\/$/, '')}/_sx`
  url.hash = ''
  return url.href
}
