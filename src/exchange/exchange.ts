/**
 * The core: two sides of an exchange push chunks at each other, with backpressure by return value.
 * No promise, timer or iterator per exchange on this path.
 */
import type { ByteBudget } from './buffer-budget.ts'
import type { ClientCertificate } from './client-certificate.ts'
import type { ExchangeError } from './errors.ts'
import type { Identity, Lease } from './identity.ts'
import type { Kind, Route } from './route.ts'
import type { ExchangeTrace } from './trace.ts'

/** Names and values by turns: [name, value, name, value]. Names in lower case, duplicates kept, order kept. */
export type HeaderList = readonly string[]

/** What a message-shaped chunk carries beside its bytes. */
export interface MessageMeta {
  readonly type?: 'text' | 'binary'
  /** False: a part of a message, more of it follows. */
  readonly fin?: false
  /** SSE `event:`. */
  readonly event?: string
  /** SSE `id:`. */
  readonly id?: string
}

/** How a request begins. Made by an adapter; `route` and `subject` are set by routing before the transport sees it. */
export interface RequestHead {
  /** The protocol that the client speaks: of a multiplexed connection, what it runs over. */
  readonly kind: Kind
  /** As sent by the client. */
  readonly method: string
  /** Lower case, without the port; empty if none. */
  readonly host: string
  /** As sent, still percent-encoded, begins with `/`. */
  readonly path: string
  /** As sent, without the `?`; empty if none. Policies may leave some out. */
  query: string
  /** The peer's address as text. */
  readonly remote: string
  /** Undefined: the client has shown none, or does not speak TLS with us. */
  readonly certificate: ClientCertificate | undefined
  readonly requestId: string
  /** Policies may leave some out. */
  headers: HeaderList
  /** Body bytes to come: 0 none, -1 unknown. */
  readonly length: number
  route: Route | undefined
  subject: string
  /** Of its connection, where that has many exchanges; undefined: it counts with all others alone. */
  readonly buffers?: ByteBudget | undefined
  /** Set before the transport sees it, where tracing is on. */
  trace?: ExchangeTrace
  /** Who the client is, once a policy has proved it. */
  identity?: Identity | undefined
  /** Of an exchange that lasts, where there is an identity: ends it when that does. Set by the transport. */
  lease?: Lease | undefined
  /** The id of the tenant that it is for, where its route names one. Set after the policies. */
  workspace?: string | undefined
  /** What policies say to the backend: forwarded whatever the route forwards, in place of the client's own of that name. */
  backendHeaders?: HeaderList | undefined
  /** What policies say to the client: sent with the response head, or with the error in its place. */
  responseHeaders?: HeaderList | undefined
}

export interface ResponseHead {
  readonly status: number
  readonly headers: HeaderList
  /** Body bytes to come: 0 none, -1 unknown. */
  readonly length: number
  /** True when each chunk is a message of its own (an SSE event, say). */
  readonly messages: boolean
}

/**
 * One side of an exchange, as its peer sees it. Each call is valid only in the order head? data* (end | reset);
 * after `end` or `reset` in one direction nothing more comes in it. No call throws. `reset` ends both directions.
 *
 * What stands between two sides spells out the calls that it passes on. A forwarder for all of them would save lines, and
 * make each `data` a call that V8 cannot inline: 30 ns through three in place of 5.
 */
export interface Side {
  /** False: full; send no more until the peer's `drained`. The bytes are the callee's to copy if it keeps them. */
  data(chunk: Uint8Array, meta?: MessageMeta): boolean
  /** @param closeCode of a WebSocket, 1000 if absent; other protocols have none */
  end(trailers?: HeaderList, closeCode?: number): void
  reset(error: ExchangeError): void
  /** The other direction has room again, after a `data` that returned false. */
  drained(): void
}

/** The client, as the backend's side sees it. `head` comes once, before any `data` or `end`. */
export interface ClientSide extends Side {
  head(head: ResponseHead): void
}

/** The backend, as the client's adapter sees it. */
export type BackendSide = Side

/**
 * Begins an exchange: the adapter hands in the client's side and gets the backend's side. May answer before it
 * returns: an adapter must be ready for `head`, `data`, `end` and `reset` from the moment of the call.
 */
export type Dispatch = (request: RequestHead, client: ClientSide) => BackendSide
