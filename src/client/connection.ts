import { decodeBinaryFrame, encodeBinaryFrame } from '../adapters/framing/binary-frames.ts'
import { MAX_ID } from '../adapters/framing/frame-fields.ts'
import { decodeJsonFrame, encodeJsonFrame } from '../adapters/framing/json-frames.ts'
import {
  type MuxAuth,
  type MuxFrame,
  MuxFrameError,
  type MuxGoaway,
  type MuxOpen,
} from '../adapters/framing/mux-frame.ts'
import type { Clock } from './clock.ts'
import { Exchange, type ExchangePort } from './exchange.ts'
import { Heartbeat } from './heartbeat.ts'
import { WINDOW_BYTES } from './incoming.ts'
import { RouterError } from './router-error.ts'
import { renewalDelayMs, type TokenOption } from './token.ts'
import type { Encoding, WebSocketConstructor, WebSocketLike } from './web-socket.ts'

const HANDSHAKE_MS = 10_000
/** After a token that could not be had, or was not taken. */
const RENEWAL_RETRY_MS = 5000
/** What a router takes on one connection if it is not told otherwise. */
const MAX_EXCHANGES = 100

/** Who made the connection. Each but `onRoom` is called at most once, `onClosed` last and in any case. */
export interface ConnectionOwner {
  onOpen(connection: Connection): void
  /** The first sign that a router is behind it, and lets us in. */
  onHeard(connection: Connection): void
  /** There is no token to begin with. */
  onNoToken(reason: unknown): void
  /** It takes no new exchanges. */
  onLeaving(connection: Connection): void
  /** One exchange less; any number of times. */
  onRoom(connection: Connection): void
  onClosed(connection: Connection): void
}

export interface ConnectionOptions {
  readonly url: string
  readonly WebSocket: WebSocketConstructor
  readonly encoding: Encoding
  readonly clock: Clock
  readonly token: TokenOption
  readonly owner: ConnectionOwner
}

/** What an exchange begins with; the connection gives it id and credit. */
export type OpenRequest = Omit<MuxOpen, 't' | 'id' | 'credit'>

/**
 * One WebSocket and its exchanges. States: `connecting`, and getting a token -> `open` -> `leaving`, the router has said that it goes, and
 * what is under way finishes -> `closed`, which is reached from anywhere when the WebSocket is gone.
 */
export class Connection implements ExchangePort {
  readonly #options: ConnectionOptions
  readonly #socket: WebSocketLike
  readonly #exchanges = new Map<number, Exchange>()
  #state: 'connecting' | 'open' | 'leaving' | 'closed' = 'connecting'
  #lastId = 0
  #hasHeard = false
  #heartbeat: Heartbeat | undefined
  #token: string | undefined
  #renewal: unknown
  readonly #handshakeTimer: unknown

  constructor(options: ConnectionOptions) {
    const { url, WebSocket, encoding, clock } = options
    this.#options = options
    this.#socket = new WebSocket(url, `sx.v1.${encoding}`)
    this.#socket.binaryType = 'arraybuffer'
    this.#socket.addEventListener('open', () => this.#onOpen())
    this.#socket.addEventListener('message', ({ data }) => this.#onMessage(data))
    this.#socket.addEventListener('close', () => this.#onClose())
    // The event that tells why is close; without a listener for this one the package ws would throw.
    this.#socket.addEventListener('error', () => this.#onClose())
    this.#handshakeTimer = clock.setTimeout(() => this.close(), HANDSHAKE_MS)
  }

  /** Whether it takes another exchange. */
  get hasRoom(): boolean {
    return this.#state === 'open' && this.#exchanges.size < MAX_EXCHANGES
  }

  /** Only while it has room. */
  open(request: OpenRequest, isDuplex: boolean): Exchange {
    const open: MuxOpen = { ...request, t: 'open', id: ++this.#lastId, credit: WINDOW_BYTES }
    const exchange = new Exchange(this, open, isDuplex)
    this.#exchanges.set(open.id, exchange)
    this.write(open)
    if (open.id === MAX_ID) this.#leave()
    return exchange
  }

  /** At once; what is under way fails with the reason. */
  close(reason?: RouterError, code = 1000): void {
    if (this.#state === 'closed') return
    this.#socket.close(code)
    // Not when the peer agrees, which it may never do.
    this.#onClose(reason)
  }

  /**
   * Asks for a token in place of the one that is used, and uses it.
   * @returns whether it is another one
   */
  async renewToken(): Promise<boolean> {
    const before = this.#token
    if (typeof this.#options.token !== 'function') return false
    const token = await ask(this.#options.token)
    if (this.#state !== 'open' || token === undefined) return false
    // Another request may have been quicker.
    if (token === this.#token) return token !== before
    this.#useToken(token)
    return true
  }

  // Exchanges speak.

  write(frame: MuxFrame): void {
    if (this.#state !== 'open' && this.#state !== 'leaving') return
    this.#socket.send(this.#options.encoding === 'json' ? encodeJsonFrame(frame) : encodeBinaryFrame(frame))
  }

  onExchangeClosed(id: number): void {
    this.#exchanges.delete(id)
    if (this.#state === 'open') this.#options.owner.onRoom(this)
    this.#closeIfLeft()
  }

  // The socket speaks.

  #onOpen(): void {
    if (this.#state !== 'connecting') return
    if (this.#socket.protocol !== `sx.v1.${this.#options.encoding}`) {
      this.close()
      return
    }
    const { token } = this.#options
    if (typeof token !== 'function') this.#begin(token)
    else
      ask(token).then(
        (answer) => this.#begin(answer),
        (reason) => this.#onNoToken(reason),
      )
  }

  #onNoToken(reason: unknown): void {
    if (this.#state !== 'connecting') return
    this.#options.owner.onNoToken(reason)
    this.close()
  }

  #begin(token: string | undefined): void {
    if (this.#state !== 'connecting') return
    const { clock, owner } = this.#options
    clock.clearTimeout(this.#handshakeTimer)
    this.#state = 'open'
    this.#heartbeat = new Heartbeat(clock, {
      ping: () => this.write({ t: 'ping' }),
      dead: () => this.close(lost('the router has not answered for a minute')),
    })
    if (token !== undefined) this.#useToken(token)
    owner.onOpen(this)
  }

  #useToken(token: string): void {
    this.#token = token
    this.write({ t: 'auth', token })
    if (typeof this.#options.token === 'function') this.#renewIn(renewalDelayMs(token, Date.now()))
  }

  #renewIn(delayMs: number | undefined): void {
    const { clock } = this.#options
    clock.clearTimeout(this.#renewal)
    if (delayMs !== undefined) this.#renewal = clock.setTimeout(() => this.#renewOrRetry(), delayMs)
  }

  #renewOrRetry(): void {
    const retry = () => {
      if (this.#state === 'open') this.#renewIn(RENEWAL_RETRY_MS)
    }
    this.renewToken().then((isRenewed) => isRenewed || retry(), retry)
  }

  #onMessage(data: unknown): void {
    if (this.#state !== 'open' && this.#state !== 'leaving') return
    this.#heartbeat?.heard()
    try {
      this.#onFrame(decode(data))
    } catch (error) {
      if (!(error instanceof MuxFrameError)) throw error
      this.close(new RouterError('protocol_error', `the router sent ${error.message}`, { status: 502 }), 4400)
    }
  }

  #onFrame(frame: MuxFrame): void {
    if (!this.#hasHeard && frame.t !== 'goaway') {
      this.#hasHeard = true
      this.#options.owner.onHeard(this)
    }
    switch (frame.t) {
      case 'ping':
        this.write({ t: 'pong' })
        break
      case 'pong':
        break
      case 'auth':
        this.#onAuth(frame)
        break
      case 'goaway':
        this.#onGoaway(frame)
        break
      case 'open':
        throw new MuxFrameError('an open')
      default:
        // One that is not known has ended here before the router heard of it.
        this.#exchanges.get(frame.id)?.onFrame(frame)
    }
  }

  #onAuth({ code }: MuxAuth): void {
    // Of another client: what is open goes on as it is, and all else by the new token.
    if (code === 'forbidden') this.#leave()
    else if (code !== undefined) this.#renewIn(RENEWAL_RETRY_MS)
    this.#closeIfLeft()
  }

  #onGoaway({ lastId, code, detail }: MuxGoaway): void {
    this.#leave()
    for (const exchange of [...this.#exchanges.values()]) {
      if (exchange.id <= lastId) continue
      // With a token that is good no more it went as far, and there may be another one.
      exchange.fail(
        code === undefined
          ? new RouterError('draining', 'the router is restarting', { status: 503, retryable: true })
          : new RouterError(code, detail ?? code, code === 'unauthorized' ? { status: 401, retryable: true } : {}),
      )
    }
    this.#closeIfLeft()
  }

  #leave(): void {
    if (this.#state !== 'open') return
    this.#state = 'leaving'
    this.#options.owner.onLeaving(this)
  }

  #closeIfLeft(): void {
    if (this.#state === 'leaving' && this.#exchanges.size === 0) this.close()
  }

  #onClose(reason: RouterError = lost('the connection to the router was lost')): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#options.clock.clearTimeout(this.#handshakeTimer)
    this.#heartbeat?.stop()
    this.#renewIn(undefined)
    for (const exchange of [...this.#exchanges.values()]) exchange.fail(reason)
    this.#options.owner.onClosed(this)
  }
}

/** Whatever it throws is a rejection. */
async function ask(token: Exclude<TokenOption, string | undefined>): Promise<string | undefined> {
  return token()
}

function decode(data: unknown): MuxFrame {
  if (typeof data === 'string') return decodeJsonFrame(data)
  if (data instanceof ArrayBuffer) return decodeBinaryFrame(new Uint8Array(data))
  throw new MuxFrameError('a message of an unknown kind')
}

function lost(message: string): RouterError {
  return new RouterError('connection_lost', message, { status: 502 })
}
