import type { HttpRequest, HttpResponse } from 'uWebSockets.js'
import type { BufferBudget } from '../../exchange/buffer-budget.ts'
import type { DeadlineWheel } from '../../exchange/deadline-wheel.ts'
import { ExchangeError } from '../../exchange/errors.ts'
import type { Dispatch } from '../../exchange/exchange.ts'
import type { Gate } from '../../exchange/gate.ts'
import type { LimitObserver } from '../../exchange/limit.ts'
import type { ExchangeObserver } from '../../exchange/observer.ts'
import type { WebClientCertificates } from '../tls/web-client-certificates.ts'
import type { TrustedProxies } from '../trusted-proxies.ts'
import type { WebConnections } from '../web-connections.ts'
import type { WebAdapter } from '../web-listener.ts'
import { HttpExchange } from './http-exchange.ts'
import { type HeadLimits, overLimit } from './over-limit.ts'
import type { HttpAdapterParts } from './parts.ts'
import { QuickRefusal } from './quick-refusal.ts'
import { type HttpRequestHead, readRequestHead } from './request-head.ts'
import type { TransferLimits } from './transfer-watch.ts'

export interface HttpAdapterOptions extends HeadLimits {
  readonly dispatch: Dispatch
  readonly gate: Gate
  readonly wheel: DeadlineWheel
  readonly observer: ExchangeObserver
  readonly connections: WebConnections
  readonly limitObserver: LimitObserver
  readonly buffers: BufferBudget
  readonly transferLimits: TransferLimits
  /** Undefined: nobody's word is taken. */
  readonly proxies: TrustedProxies | undefined
  readonly makeRequestId: () => string
}

/** A client of server-sent events that is told to come back does so after this long, or longer where there are many. */
const SSE_RETRY_MS = 1000
/** Between two of them, where the time to drain is enough for all: they may all be cut at its end. */
const SSE_RETRY_STEP_MS = 10

/** HTTP/1.1: each request is an exchange. */
export function createHttpAdapter(options: HttpAdapterOptions): WebAdapter {
  const parts: HttpAdapterParts = {
    wheel: options.wheel,
    observer: options.observer,
    connections: options.connections,
    limitObserver: options.limitObserver,
    buffers: options.buffers,
    transferLimits: options.transferLimits,
    open: new Set(),
    draining: false,
    onIdle: undefined,
  }
  const { gate } = options
  const quickRefusal = new QuickRefusal(gate.refusal, options)
  return {
    get exchanges() {
      return parts.open.size
    },
    attach(app, owner) {
      parts.onIdle = owner.onIdle
      app.any('/*', (res, req) => {
        const isTaken = gate.admits()
        if (!isTaken && quickRefusal.tryWrite(res, req, owner.certificates, parts.draining)) return
        handle(parts, options, owner.certificates, isTaken, res, req)
      })
    },
    drain(timeoutMs) {
      parts.draining = true
      const stepMs = Math.min(SSE_RETRY_STEP_MS, timeoutMs / parts.open.size)
      let retryMs = SSE_RETRY_MS
      for (const exchange of parts.open) {
        exchange.onDrain(Math.round(retryMs))
        retryMs += stepMs
      }
    },
    stop(error) {
      for (const exchange of [...parts.open]) exchange.stop(error)
    },
  }
}

function handle(
  parts: HttpAdapterParts,
  options: HttpAdapterOptions,
  certificates: WebClientCertificates | undefined,
  isTaken: boolean,
  res: HttpResponse,
  req: HttpRequest,
): void {
  const request = readRequestHead(req, res, options.makeRequestId, certificates, options.proxies)
  const exchange = new HttpExchange(parts, res, request)
  res.onAborted(() => exchange.onAborted())
  const error = faultOf(request) ?? (isTaken ? overLimit(request, options) : options.gate.refusal)
  if (error !== undefined) {
    exchange.reset(error)
    return
  }
  exchange.onBegun(options.dispatch(request, exchange))
  if (exchange.closed) return
  if (request.length === 0) exchange.onNoBody()
  else res.onData((chunk, isLast) => exchange.onBody(chunk, isLast))
}

function faultOf({ fault }: HttpRequestHead): ExchangeError | undefined {
  if (fault === undefined) return undefined
  return new ExchangeError('bad_request', fault, { detail: `The request has ${fault}` })
}
