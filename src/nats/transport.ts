import { BufferBudget } from '../exchange/buffer-budget.ts'
import { CLOSED_SIDE } from '../exchange/closed-side.ts'
import type { DeadlineWheel } from '../exchange/deadline-wheel.ts'
import { ExchangeError } from '../exchange/errors.ts'
import type { BackendSide, ClientSide, Dispatch, RequestHead } from '../exchange/exchange.ts'
import { createIdSource, type RandomFill } from '../exchange/id-source.ts'
import type { OpenExchange } from '../exchange/open-exchange.ts'
import { isDuplex, type RouteSettings } from '../exchange/route.ts'
import { DEAF_TRANSPORT_OBSERVER, type TransportObserver } from '../exchange/transport-observer.ts'
import { encodeOpen, encodeOpenPrefix, MAX_OPEN_HEADER_BYTES } from '../wire/open.ts'
import { WindowBudget } from '../wire/window-budget.ts'
import { BlockPool } from './block-pool.ts'
import type { NatsLink } from './connection.ts'
import { Inbox } from './inbox.ts'
import { LateFrames } from './late-frames.ts'
import { NatsExchange } from './nats-exchange.ts'
import { Outage } from './outage.ts'
import { Outbox } from './outbox.ts'

/** What a backend may have on the way to us, on one exchange, to begin with. */
const WINDOW_BYTES = 256 * 1024
/**
 * The server cuts a connection off that has 64 MiB pending. A quarter of that is for the first windows of all exchanges,
 * which are narrow beyond it, and a quarter for windows to grow.
 */
const SHARE_BYTES = 16 * 1024 * 1024
const MAX_WIDE_EXCHANGES = SHARE_BYTES / WINDOW_BYTES
const NARROW_WINDOW_BYTES = 64 * 1024

export interface TransportOptions {
  readonly link: NatsLink
  readonly wheel: DeadlineWheel
  readonly inboxPrefix: string
  readonly randomFill: RandomFill
  /** 0 to 1; spreads retries. */
  readonly random: () => number
  /** Exchanges open at once, at most; one more gets `busy`. Default 100,000. */
  readonly maxExchanges?: number
  /** Default: no limit. */
  readonly buffers?: BufferBudget
  readonly observer?: TransportObserver
  /** Ascending; for exchanges to be told apart in lists of several transports. Default: those of this one. */
  readonly nextNumber?: () => number
}

/** What the exchanges of one transport share. */
export interface TransportParts {
  readonly link: NatsLink
  readonly wheel: DeadlineWheel
  readonly inbox: Inbox
  readonly outbox: Outbox
  readonly random: () => number
  readonly windowBudget: WindowBudget
  readonly blocks: BlockPool
  readonly buffers: BufferBudget
  readonly observer: TransportObserver
  readonly nextNumber: () => number
}

export interface Transport {
  /** The end of every chain of policies: an exchange on this route, over NATS. Composed once for each route. */
  dispatchFor(route: RouteSettings): Dispatch
  /** Exchanges open. */
  readonly size: number
  /** Those open, by number. @param after the number after which the list begins */
  list(after?: number): Iterable<OpenExchange>
  /** Messages that came for an exchange that was over. */
  readonly lateMessages: number
  /** What waits to be published goes now. */
  flush(): void
}

/** Exchanges by NATS request-reply. Takes over the link's events; the link stays the caller's to start and close. */
export function createTransport(options: TransportOptions): Transport {
  const { link, wheel, random, maxExchanges = 100_000 } = options
  const late = new LateFrames(
    () => link.client,
    () => wheel.now(),
  )
  const inbox = new Inbox(options.inboxPrefix, createIdSource(options.randomFill), (message) => late.answer(message))
  const parts: TransportParts = {
    link,
    wheel,
    inbox,
    random,
    outbox: new Outbox(() => link.client),
    windowBudget: new WindowBudget(SHARE_BYTES),
    blocks: new BlockPool(),
    buffers: options.buffers ?? new BufferBudget(),
    observer: options.observer ?? DEAF_TRANSPORT_OBSERVER,
    nextNumber: options.nextNumber ?? createCounter(),
  }
  const outage = new Outage(inbox)
  link.listen({
    onConnected: (client) => {
      inbox.attach(client)
      outage.onConnected()
    },
    onDisconnected: () => outage.onDisconnected(),
  })

  return {
    get size() {
      return inbox.size
    },
    *list(after = 0) {
      for (const entry of inbox.entries()) if (entry instanceof NatsExchange && entry.number > after) yield entry
    },
    get lateMessages() {
      return inbox.late
    },
    flush: () => parts.outbox.flush(),
    dispatchFor(route) {
      const wide = encodeOpenPrefix(route, WINDOW_BYTES)
      const narrow = encodeOpenPrefix(route, NARROW_WINDOW_BYTES)
      return (request, client) => {
        if (!link.connected) return refuse(client, new ExchangeError('nats_unavailable', 'NATS is not connected'))
        if (inbox.size >= maxExchanges) return refuse(client, new ExchangeError('busy', 'too many exchanges are open'))
        return inbox.size < MAX_WIDE_EXCHANGES
          ? open(parts, route, wide, WINDOW_BYTES, request, client)
          : open(parts, route, narrow, NARROW_WINDOW_BYTES, request, client)
      }
    },
  }
}

function open(
  parts: TransportParts,
  route: RouteSettings,
  prefix: string,
  windowBytes: number,
  request: RequestHead,
  client: ClientSide,
): BackendSide {
  const headerBlock = encodeOpen(prefix, request, route.forwardHeaders)
  if (headerBlock === undefined) {
    return refuse(client, new ExchangeError('headers_too_large', `more than ${MAX_OPEN_HEADER_BYTES} bytes to forward`))
  }
  if (isDuplex(route)) {
    const connection = new NatsExchange(parts, route, request, client, headerBlock, windowBytes, 0)
    connection.begin()
    return connection
  }
  // A whole body must fit into one message, and max_payload counts the headers too.
  const maxBodyBytes =
    route.body === 'stream'
      ? route.maxBodyBytes
      : Math.min(route.maxBodyBytes, parts.link.maxPayload - headerBlock.length)
  if (request.length > maxBodyBytes) {
    return refuse(client, new ExchangeError('too_large', `the body has ${request.length} of ${maxBodyBytes} bytes`))
  }
  const exchange = new NatsExchange(parts, route, request, client, headerBlock, windowBytes, maxBodyBytes)
  if (request.length !== 0) exchange.expectBody()
  return exchange
}

function refuse(client: ClientSide, error: ExchangeError): BackendSide {
  client.reset(error)
  return CLOSED_SIDE
}

/** 1, 2, 3 and so on. */
export function createCounter(): () => number {
  let last = 0
  return () => ++last
}
