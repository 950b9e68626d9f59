import { CLOSED_SIDE } from '../exchange/closed-side.ts'
import type { DeadlineWheel } from '../exchange/deadline-wheel.ts'
import { ExchangeError } from '../exchange/errors.ts'
import type { BackendSide, ClientSide, Dispatch, RequestHead } from '../exchange/exchange.ts'
import { createIdSource, type RandomFill } from '../exchange/id-source.ts'
import type { Route } from '../exchange/route.ts'
import { encodeOpen, encodeOpenPrefix, MAX_OPEN_HEADER_BYTES } from '../wire/open.ts'
import type { NatsLink } from './connection.ts'
import { Inbox } from './inbox.ts'
import { Outbox } from './outbox.ts'
import { PlainExchange } from './plain-exchange.ts'

export interface TransportOptions {
  readonly link: NatsLink
  readonly wheel: DeadlineWheel
  readonly inboxPrefix: string
  readonly randomFill: RandomFill
  /** 0 to 1; spreads retries. */
  readonly random: () => number
  /** Exchanges open at once, at most; one more gets `busy`. Default 100,000. */
  readonly maxExchanges?: number
}

/** What the exchanges of one transport share. */
export interface TransportParts {
  readonly link: NatsLink
  readonly wheel: DeadlineWheel
  readonly inbox: Inbox
  readonly outbox: Outbox
  readonly random: () => number
}

export interface Transport {
  /** The end of every chain of policies: an exchange on this route, over NATS. Composed once for each route. */
  dispatchFor(route: Omit<Route, 'dispatch'>): Dispatch
  /** Exchanges open. */
  readonly size: number
  /** Messages that came for an exchange that was over. */
  readonly lateMessages: number
}

/** Exchanges by NATS request-reply. Takes over the link's events; the link stays the caller's to start and close. */
export function createTransport(options: TransportOptions): Transport {
  const { link, wheel, random, maxExchanges = 100_000 } = options
  const inbox = new Inbox(options.inboxPrefix, createIdSource(options.randomFill))
  const parts: TransportParts = { link, wheel, inbox, random, outbox: new Outbox(() => link.client) }
  link.listen({
    onConnected: (client) => inbox.attach(client),
    onDisconnected: () => {
      for (const entry of [...inbox.entries()]) if (entry instanceof PlainExchange) entry.onLinkDown()
    },
  })

  return {
    get size() {
      return inbox.size
    },
    get lateMessages() {
      return inbox.late
    },
    dispatchFor(route) {
      const prefix = encodeOpenPrefix(route)
      return (request, client) => {
        if (!link.connected) return refuse(client, new ExchangeError('nats_unavailable', 'NATS is not connected'))
        if (inbox.size >= maxExchanges) return refuse(client, new ExchangeError('busy', 'too many exchanges are open'))
        return open(parts, route, prefix, request, client)
      }
    },
  }
}

function open(
  parts: TransportParts,
  route: Omit<Route, 'dispatch'>,
  prefix: string,
  request: RequestHead,
  client: ClientSide,
): BackendSide {
  const headerBlock = encodeOpen(prefix, request, route.forwardHeaders)
  if (headerBlock === undefined) {
    return refuse(client, new ExchangeError('headers_too_large', `more than ${MAX_OPEN_HEADER_BYTES} bytes to forward`))
  }
  // max_payload counts the headers too.
  const maxBodyBytes = Math.min(route.maxBodyBytes, parts.link.maxPayload - headerBlock.length)
  if (request.length > maxBodyBytes) {
    return refuse(client, new ExchangeError('too_large', `the body has ${request.length} of ${maxBodyBytes} bytes`))
  }
  return new PlainExchange(parts, route, request, client, headerBlock, maxBodyBytes)
}

function refuse(client: ClientSide, error: ExchangeError): BackendSide {
  client.reset(error)
  return CLOSED_SIDE
}
