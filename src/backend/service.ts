import type { Service as MicroService, Msg, MsgHdrs, NatsConnection } from 'nats'
import { DeadlineWheel } from '../exchange/deadline-wheel.ts'
import { type ErrorCode, ExchangeError } from '../exchange/errors.ts'
import { EncodedHeaders } from '../nats/encoded-headers.ts'
import { Inbox } from '../nats/inbox.ts'
import { LateFrames } from '../nats/late-frames.ts'
import { decodeOpen } from '../wire/decode-frame.ts'
import { encodeFrame } from '../wire/encode-frame.ts'
import { PROTOCOL_VERSION } from '../wire/frame.ts'
import { isPeerSubject } from '../wire/peer-subject.ts'
import { WindowBudget } from '../wire/window-budget.ts'
import { type ConnectionListener, ConnectionWatch } from './connection-watch.ts'
import { type FetchHandler, fetchExchange } from './fetch-handler.ts'
import type { ExchangeHandler, ReportError } from './handler.ts'
import { answerPlain, refusePlain } from './plain-reply.ts'
import { publish } from './publish.ts'
import { RefusalReport } from './refusal-report.ts'
import { Session, type SessionParts } from './session.ts'
import { traceHandler } from './trace-handler.ts'
import { TurnEnd } from './turn-end.ts'

const EMPTY = new Uint8Array(0)
/** By how much all windows together may grow: a quarter of what a server lets a connection leave unread. */
const WINDOW_BUDGET_BYTES = 16 * 1024 * 1024

export interface ServiceOptions {
  readonly nats: NatsConnection
  /** Close the connection when drained. */
  readonly ownsConnection: boolean
  readonly micro: MicroService
  readonly inboxPrefix: string
  readonly nextToken: () => string
  readonly maxConcurrent: number
  readonly maxMessageBytes: number
  readonly onError: ReportError
  /** A stream that could not go on for this long is reset. Default: what the protocol says. */
  readonly maxOutageMs?: number
}

/** Something under way that drain waits for. */
interface Running {
  reset(error: ExchangeError): void
}

/** A backend on NATS. States: serving -> draining -> drained. */
export class Service {
  readonly #options: ServiceOptions
  readonly #inbox: Inbox
  readonly #wheel = new DeadlineWheel()
  readonly #watch: ConnectionWatch
  readonly #refusals: RefusalReport
  readonly #parts: SessionParts
  readonly #running = new Set<Running>()
  readonly #sessions = new Set<Session>()
  #onIdle: (() => void) | undefined
  #drained: Promise<void> | undefined

  constructor(options: ServiceOptions) {
    const { nats, inboxPrefix, nextToken, maxConcurrent, maxMessageBytes, onError } = options
    this.#options = options
    this.#refusals = new RefusalReport({ maxConcurrent, onError })
    const late = new LateFrames(
      () => nats,
      () => this.#wheel.now(),
      'backend_lost',
    )
    this.#inbox = new Inbox(inboxPrefix, nextToken, (message) => late.answer(message))
    this.#inbox.attach(nats)
    const windowBudget = new WindowBudget(WINDOW_BUDGET_BYTES)
    this.#parts = {
      nats,
      inbox: this.#inbox,
      wheel: this.#wheel,
      turnEnd: new TurnEnd(),
      windowBudget,
      maxMessageBytes,
      onError,
    }
    const listener: ConnectionListener = {
      onDown: () => this.#each((session) => session.suspend()),
      onUp: () => this.#each((session) => session.resume()),
      onLost: () => this.#resetAll(new ExchangeError('gap', 'NATS was gone for too long')),
    }
    this.#watch = new ConnectionWatch(nats, listener, options.maxOutageMs)
  }

  /** Exchanges under way. */
  get size(): number {
    return this.#running.size
  }

  /** Answers what comes on the subject with a handler of the Fetch shape: a Hono app's `app.fetch`, say. */
  fetch(subject: string, handler: FetchHandler): void {
    this.exchange(subject, fetchExchange(handler, this.#options.onError))
  }

  /** Hands each exchange on the subject, both ways at once, to the handler. */
  exchange(subject: string, handler: ExchangeHandler): void {
    if (this.#drained !== undefined) throw new Error('the service is draining: it takes no new subject')
    const traced = traceHandler(subject, handler)
    this.#options.micro.addEndpoint(endpointName(subject), {
      subject,
      metadata: { sx: String(PROTOCOL_VERSION) },
      handler: (_error, message) => this.#onRequest(message, traced),
    })
  }

  /** Resolves when the server knows all subscriptions. */
  flush(): Promise<void> {
    return this.#options.nats.flush()
  }

  /**
   * Takes nothing new, waits for what is under way, and resets what is left after `timeoutMs`. Nothing of the service
   * is left when it resolves, but for handlers that do not heed their signal.
   */
  drain(timeoutMs = 30_000): Promise<void> {
    this.#drained ??= this.#drain(timeoutMs)
    return this.#drained
  }

  async #drain(timeoutMs: number): Promise<void> {
    const { nats, ownsConnection, micro } = this.#options
    // What the server has sent before it hears of this still comes, and is answered with `draining`.
    if (nats.isClosed()) await this.#idle(timeoutMs)
    else await within(timeoutMs, Promise.all([micro.stop(), this.#idle(timeoutMs)]))
    this.#resetAll(new ExchangeError('draining', 'the service stops'))
    this.#running.clear()
    this.#watch.stop()
    this.#refusals.stop()
    this.#wheel.stop()
    if (nats.isClosed()) return
    // The last frames, a reset perhaps, are still on their way to the server.
    await within(
      1000,
      nats.flush().catch(() => undefined),
    )
    this.#inbox.detach()
    if (ownsConnection) await nats.close()
  }

  #onRequest(message: Msg, handler: ExchangeHandler): void {
    const { nats, maxConcurrent, maxMessageBytes, onError } = this.#options
    const refusal: 'busy' | 'draining' | undefined =
      this.#drained !== undefined ? 'draining' : this.#running.size >= maxConcurrent ? 'busy' : undefined
    // Throws where a header is malformed, which the service framework answers and counts.
    const open = decodeOpen(message.headers, message.data)
    if (open === undefined) {
      if (refusal === undefined) this.#answerPlain({ nats, message, onError, maxMessageBytes }, handler)
      else {
        refusePlain(nats, message, refusal)
        this.#refusals.onRefused(refusal)
      }
      return
    }
    const { subject, reply } = message
    if (!isPeerSubject(reply)) return
    if (open.type === 'broken' || open.version < PROTOCOL_VERSION) this.#refuse(reply, 'protocol_error')
    else if (refusal !== undefined) {
      this.#refuse(reply, refusal)
      this.#refusals.onRefused(refusal)
    } else {
      const session = new Session(this.#parts, open, subject, reply, () => {
        this.#sessions.delete(session)
        this.#over(session)
      })
      this.#running.add(session)
      this.#sessions.add(session)
      session.start(handler)
    }
  }

  #answerPlain(options: Parameters<typeof answerPlain>[0], handler: ExchangeHandler): void {
    const { exchange, done } = answerPlain(options, handler)
    const running: Running = { reset: (error) => exchange.reset(error.code) }
    this.#running.add(running)
    void done.then(() => this.#over(running))
  }

  #refuse(reply: string, code: ErrorCode): void {
    const frame = { type: 'reset', code, status: undefined, reason: undefined } as const
    const headers = new EncodedHeaders(encodeFrame(frame)) as unknown as MsgHdrs
    publish(this.#options.nats, reply, EMPTY, { headers })
  }

  #over(running: Running): void {
    this.#running.delete(running)
    if (this.#running.size === 0) this.#onIdle?.()
  }

  async #idle(timeoutMs: number): Promise<void> {
    if (this.#running.size === 0) return
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve
    })
    await within(timeoutMs, idle)
    this.#onIdle = undefined
  }

  #each(act: (session: Session) => void): void {
    for (const session of [...this.#sessions]) act(session)
  }

  #resetAll(error: ExchangeError): void {
    for (const running of [...this.#running]) running.reset(error)
  }
}

/** `orders.*.create` -> `orders-any-create`: a micro service's endpoint name knows no dots. */
function endpointName(subject: string): string {
  return subject
    .replaceAll('*', 'any')
    .replaceAll('>', 'rest')
    .replaceAll(/[^\w-]/g, '-')
}

/** Resolves with the promise, or when time is up. */
async function within(timeoutMs: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs)
  })
  await Promise.race([promise, timeout]).finally(() => clearTimeout(timer))
}
