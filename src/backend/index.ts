/** A backend for the router, on NATS: docs/backend-sdk.md. */

export type { ErrorCode } from '../exchange/errors.ts'
export { ExchangeError } from '../exchange/errors.ts'
export type { BackendExchange, ExchangeEnd, ExchangeHead } from './exchange.ts'
export type { ExchangeRequest } from './exchange-request.ts'
export type { FetchHandler } from './fetch-handler.ts'
export type { ExchangeHandler, ReportError } from './handler.ts'
export type { ExchangeMessage } from './incoming.ts'
export { type ServeOptions, serve } from './serve.ts'
export type { Service } from './service.ts'
