/**
 * Hears what the way to the backends costs, by the name of the route. Called on the request path: must be quick and must
 * not throw.
 */
export interface TransportObserver {
  /** A backend has answered: since the publish that it answers. */
  onFirstReply(route: string, roundTripMs: number): void
  /** The head of the response goes to the client: since the exchange began. */
  onHead(route: string, firstByteMs: number): void
  /** NATS says that nobody listens; the request may be sent again. */
  onNoResponders(route: string): void
  /** The client takes no more for now. */
  onClientFull(route: string): void
  /** It takes more again, or is gone: since it was full. */
  onClientDrained(route: string, fullMs: number): void
}

/** For those who ask nothing. */
export const DEAF_TRANSPORT_OBSERVER: TransportObserver = {
  onFirstReply() {},
  onHead() {},
  onNoResponders() {},
  onClientFull() {},
  onClientDrained() {},
}
