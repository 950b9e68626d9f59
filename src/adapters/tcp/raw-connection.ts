import { CLOSED_SIDE, resetUnwanted } from '../../exchange/closed-side.ts'
import type { DeadlineWheel, WheelEntry } from '../../exchange/deadline-wheel.ts'
import { ExchangeError } from '../../exchange/errors.ts'
import type { BackendSide, ClientSide, MessageMeta, RequestHead, ResponseHead } from '../../exchange/exchange.ts'
import type { LimitObserver } from '../../exchange/limit.ts'
import type { ExchangeObserver } from '../../exchange/observer.ts'
import { StallClock } from '../stall-clock.ts'
import { type Channel, resetChannel } from './channel.ts'
import type { ConnectionSet, TcpConnection } from './connection-set.ts'
import { corkForNow } from './cork.ts'
import type { Framing } from './framing.ts'
import { type SocketOwner, setOwner } from './socket-owner.ts'

/** A client that has all of the response and says nothing for so long is not waited for any more. */
const LINGER_MS = 60_000

/** A connection that is not read does not tell that it was cut, nor one that does not read. So often it is asked. */
const PROBE_EVERY_MS = 10_000

/** What the connections of one raw listener share. */
export interface RawParts {
  readonly connections: ConnectionSet
  /** Sets the route and subject of a request, or says why there is none. */
  readonly resolve: (request: RequestHead) => ExchangeError | undefined
  readonly createFraming: (maxMessageBytes: number) => Framing
  /** 0: no limit. */
  readonly idleTimeoutMs: number
  readonly wheel: DeadlineWheel
  readonly observer: ExchangeObserver
  readonly limitObserver: LimitObserver
  /** For which a client may take nothing of what is sent. */
  readonly stallTimeoutMs: number
  readonly makeRequestId: () => string
  /** The listener's route is not there. */
  readonly onNoRoute: () => void
}

/**
 * A connection that is one exchange. FIN is `end` both ways, and everything else is a TCP reset: a client can never
 * take a stream that was cut for a whole one.
 *
 * States: each direction is open until its `end`; the exchange is over when the socket is closed, which it is once both
 * have ended and all is sent, or by a reset from either side.
 */
export class RawConnection implements ClientSide, SocketOwner, TcpConnection, WheelEntry {
  wheelNext: WheelEntry | undefined = undefined
  wheelPrev: WheelEntry | undefined = undefined
  wheelDue = 0
  wheelSlot = -1

  readonly #parts: RawParts
  readonly #channel: Channel
  readonly #request: RequestHead
  readonly #framing: Framing
  readonly #startedMs: number
  readonly #stall = new StallClock()
  #backend: BackendSide = CLOSED_SIDE
  /** The backend is full: the socket is not read, and `#framing` may hold more. */
  #paused = false
  #clientEnded = false
  #backendEnded = false
  /** Of the backend's message, more parts follow. */
  #isInMessage = false
  #closed = false
  #status = 0
  #bytesIn = 0
  #bytesOut = 0

  constructor(parts: RawParts, channel: Channel) {
    this.#parts = parts
    this.#channel = channel
    this.#request = requestOf(channel, parts.makeRequestId())
    this.#startedMs = parts.wheel.now()
    parts.connections.add(this)
    parts.observer.begun()
    setOwner(channel.socket, this)
    if (parts.idleTimeoutMs > 0) channel.socket.setTimeout(parts.idleTimeoutMs)
    const error = parts.resolve(this.#request)
    const { route } = this.#request
    this.#framing = parts.createFraming(route?.maxBodyBytes ?? 0)
    if (error !== undefined || route === undefined) {
      this.reset(error ?? new ExchangeError('no_route', 'no route'))
      return
    }
    const backend = route.dispatch(this.#request, this)
    if (this.#closed) resetUnwanted(backend)
    else this.#backend = backend
  }

  // The socket speaks.

  onData(chunk: Buffer): void {
    if (this.#closed) return
    this.#bytesIn += chunk.length
    this.#framing.push(chunk)
    this.#hand()
  }

  /** Comes although the socket is paused, if it has nothing left to read. */
  onEnd(): void {
    if (this.#closed) return
    if (this.#backendEnded) {
      this.#onClientEnd()
      return
    }
    // Also comes in place of a reset that is read together with the last bytes: then writing nothing fails. Below TLS,
    // which would keep it to itself.
    this.#channel.raw.write('', (cause) => {
      if (cause) this.#fail(new ExchangeError('client_gone', 'the client reset the connection', { cause }))
      else this.#onClientEnd()
    })
  }

  onDrain(): void {
    this.#backend.drained()
  }

  onTimeout(): void {
    if (this.#closed) return
    if (!this.#backendEnded || !this.#channel.socket.writableFinished) {
      // After our FIN there is a timeout even where none is set, for a client that does not take the rest.
      this.#parts.limitObserver.onLimit(this.#backendEnded ? 'slow_reader' : 'idle', this.#request.remote)
      this.#fail(new ExchangeError('timeout', 'nothing moved on the connection for too long'))
      return
    }
    const backend = this.#backend
    this.#close(undefined)
    backend.reset(new ExchangeError('client_gone', 'it has all of the response, and does not close'))
    this.#channel.socket.destroy()
  }

  onClose(): void {
    if (this.#closed) return
    if (this.#clientEnded && this.#backendEnded && this.#channel.socket.writableFinished) {
      const backend = this.#backend
      this.#close(undefined)
      // It has yet to take what the client sent, of whose end it would never hear.
      if (this.#paused) backend.reset(new ExchangeError('client_gone', 'it has all of the response, and is gone'))
    } else {
      const cause = this.#channel.socket.errored ?? undefined
      this.#fail(new ExchangeError('client_gone', 'the client cut the connection', { cause }))
    }
  }

  onDeadline(): void {
    // After our FIN there is nothing to write, and the time to linger instead.
    if (this.#backendEnded) return
    const { socket, remote } = this.#channel
    const { wheel, stallTimeoutMs, limitObserver } = this.#parts
    const { bytesWritten, writableLength } = socket
    if (this.#stall.isStalled(bytesWritten - writableLength, writableLength > 0, wheel.now(), stallTimeoutMs)) {
      limitObserver.onLimit('slow_reader', remote)
      this.#fail(new ExchangeError('client_gone', 'the client takes nothing of what is sent'))
      return
    }
    // Of a connection that is not read: writing nothing fails if it was cut, and closes it.
    if (this.#paused) socket.write('')
    if (this.#paused || writableLength > 0) this.#scheduleProbe()
  }

  // The backend speaks.

  head({ status }: ResponseHead): void {
    if (this.#closed) return
    if (status < 400) this.#status = status
    else this.#fail(new ExchangeError('backend_error', `the backend refused with status ${status}`, { status }))
  }

  data(chunk: Uint8Array, meta?: MessageMeta): boolean {
    if (this.#closed || this.#backendEnded) return true
    this.#isInMessage = meta?.fin === false
    let bytes: Uint8Array | undefined
    try {
      bytes = this.#framing.encode(chunk, meta)
    } catch (error) {
      this.#onFault(error)
      return true
    }
    if (bytes === undefined || bytes.length === 0) return true
    this.#bytesOut += bytes.length
    corkForNow(this.#channel.socket)
    const hasRoom = this.#channel.socket.write(bytes)
    if (!hasRoom && this.wheelSlot < 0) this.#scheduleProbe()
    return hasRoom
  }

  end(): void {
    if (this.#closed || this.#backendEnded) return
    if (this.#isInMessage) {
      // A FIN would say that all of it is there.
      this.#fail(new ExchangeError('protocol_error', 'the backend ended in the middle of a message'))
      return
    }
    this.#backendEnded = true
    const { idleTimeoutMs } = this.#parts
    this.#channel.socket.setTimeout(idleTimeoutMs > 0 ? Math.min(idleTimeoutMs, LINGER_MS) : LINGER_MS)
    this.#channel.socket.end()
  }

  reset(error: ExchangeError): void {
    if (this.#closed) return
    if (error.code === 'no_route') this.#parts.onNoRoute()
    this.#close(error)
    resetChannel(this.#channel)
  }

  drained(): void {
    if (this.#closed || !this.#paused) return
    this.#paused = false
    this.#hand()
    if (this.#isHeld()) return
    if (this.#clientEnded) this.#endBackend()
    else this.#channel.socket.resume()
  }

  // The listener speaks.

  /** There is no way to tell the client: it goes on until it ends or is stopped. */
  drain(): void {}

  describe() {
    const { remote } = this.#request
    return { protocol: 'raw', remote, exchanges: 1, bytesIn: this.#bytesIn, bytesOut: this.#bytesOut } as const
  }

  stop(error: ExchangeError): void {
    this.#fail(error)
  }

  /** Hands on what has come, as far as the backend takes it. */
  #hand(): void {
    try {
      for (let message = this.#framing.take(); message !== undefined; message = this.#framing.take()) {
        const hasRoom = this.#backend.data(message, this.#framing.meta)
        if (this.#closed) return
        if (!hasRoom) {
          this.#pause()
          return
        }
      }
    } catch (error) {
      this.#onFault(error)
    }
  }

  #pause(): void {
    this.#paused = true
    this.#channel.socket.pause()
    this.#scheduleProbe()
  }

  #scheduleProbe(): void {
    const { wheel, stallTimeoutMs } = this.#parts
    wheel.schedule(this, Math.min(PROBE_EVERY_MS, stallTimeoutMs))
  }

  #onClientEnd(): void {
    if (this.#closed) return
    this.#clientEnded = true
    if (!this.#paused) this.#endBackend()
  }

  #endBackend(): void {
    try {
      const rest = this.#framing.finish()
      if (rest !== undefined) this.#backend.data(rest, this.#framing.meta)
    } catch (error) {
      this.#onFault(error)
      return
    }
    this.#backend.end()
  }

  /** Asked anew where a call in between may have changed it. */
  #isHeld(): boolean {
    return this.#closed || this.#paused
  }

  /** Of what was thrown, the errors of a framing are the client's or the backend's; others are ours, and must be seen. */
  #onFault(error: unknown): void {
    if (!(error instanceof ExchangeError)) throw error
    this.#fail(error)
  }

  /** Both ends hear of it. */
  #fail(error: ExchangeError): void {
    if (this.#closed) return
    const backend = this.#backend
    this.reset(error)
    backend.reset(error)
  }

  #close(error: ExchangeError | undefined): void {
    this.#closed = true
    this.#backend = CLOSED_SIDE
    const { connections, wheel, observer } = this.#parts
    wheel.cancel(this)
    connections.delete(this)
    const durationMs = wheel.now() - this.#startedMs
    observer.ended(this.#request, this.#status, error, durationMs, this.#bytesIn, this.#bytesOut)
  }
}

function requestOf({ remote, certificate }: Channel, requestId: string): RequestHead {
  return {
    kind: 'tcp',
    method: '',
    host: '',
    path: '',
    query: '',
    remote,
    certificate,
    requestId,
    headers: [],
    length: -1,
    route: undefined,
    subject: '',
  }
}
