/** A client of the router, for browsers and Node: docs/client-sdk.md. */

export { type Client, type ConnectOptions, connect } from './client.ts'
export type { Clock } from './clock.ts'
export type { ClientState } from './dialer.ts'
export type { Duplex, DuplexHead, Message, OpenInit } from './duplex.ts'
export type { FetchInit } from './fetch.ts'
export { RouterError } from './router-error.ts'
export type { Encoding, WebSocketConstructor, WebSocketLike } from './web-socket.ts'
