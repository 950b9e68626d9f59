import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Logger } from '../exchange/logger.ts'

/** What stands in the way of being ready; empty: ready. */
export type Readiness = () => readonly string[]

export interface AdminOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly readiness: Readiness
  /** Prometheus text. */
  readonly metrics: () => { readonly contentType: string; readonly text: string }
  readonly logger: Logger
}

export interface AdminServer {
  readonly port: number
  close(): Promise<void>
}

const REQUEST_TIMEOUT_MS = 5000

/** Health and metrics, apart from the clients' listener so that neither load nor a drain there hides them. */
export async function startAdminServer(options: AdminOptions): Promise<AdminServer> {
  const server = createServer((req, res) => {
    try {
      answer(options, req, res)
    } catch (error) {
      // A process without a file descriptor left cannot read its own memory, say: no reason to end for a scrape.
      options.logger.error({ err: error, url: req.url }, 'the admin API failed')
      problem(res, 500, 'internal', 'Internal error')
    }
  })
  server.requestTimeout = REQUEST_TIMEOUT_MS
  server.headersTimeout = REQUEST_TIMEOUT_MS
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new Error(`cannot listen on ${options.host}:${options.port} (admin): ${cause.message}`, { cause })),
    )
    server.listen(options.port, options.host, resolve)
  })
  server.on('error', (error) => options.logger.error({ err: error }, 'the admin listener failed'))
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

function answer(options: AdminOptions, req: IncomingMessage, res: ServerResponse): void {
  const path = (req.url ?? '/').split('?')[0]
  if (req.method !== 'GET' && req.method !== 'HEAD') {
    res.setHeader('allow', 'GET, HEAD')
    problem(res, 405, 'method_not_allowed', 'The admin API takes GET here')
  } else if (path === '/healthz') {
    json(res, 200, { status: 'live' })
  } else if (path === '/readyz') {
    const reasons = options.readiness()
    json(res, reasons.length === 0 ? 200 : 503, { status: reasons.length === 0 ? 'ready' : 'not ready', reasons })
  } else if (path === '/metrics') {
    const { contentType, text } = options.metrics()
    res.writeHead(200, { 'content-type': contentType })
    res.end(text)
  } else {
    problem(res, 404, 'no_route', 'The admin API has /healthz, /readyz and /metrics')
  }
}

function json(res: ServerResponse, status: number, value: unknown): void {
  res.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  res.end(`${JSON.stringify(value)}\n`)
}

function problem(res: ServerResponse, status: number, code: string, title: string): void {
  res.writeHead(status, { 'content-type': 'application/problem+json' })
  res.end(`${JSON.stringify({ type: 'about:blank', status, code, title })}\n`)
}
