import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Logger } from '../exchange/logger.ts'
import { type Access, createAccess } from './access.ts'
import { answerApi } from './api.ts'
import type { AdminSource } from './source.ts'

/** What stands in the way of being ready; empty: ready. */
export type Readiness = () => readonly string[]

export interface AdminOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** With other processes; default: false. */
  readonly reusePort?: boolean | undefined
  /** That the API asks for; undefined: there is no API, but on loopback. */
  readonly token: string | undefined
  readonly source: AdminSource
  readonly readiness: Readiness
  /** Prometheus text. */
  readonly metrics: () => { readonly contentType: string; readonly text: string }
  readonly logger: Logger
}

export interface AdminServer {
  readonly port: number
  /** Leaves the port to another process; requests under way are answered. */
  stopListening(): void
  close(): Promise<void>
}

const REQUEST_TIMEOUT_MS = 5000

/** Of every answer: no cache keeps it, and a browser shows it as nothing but text, in no frame. */
const OWN_FIELDS = [
  ['cache-control', 'no-store'],
  ['x-content-type-options', 'nosniff'],
  ['content-security-policy', "default-src 'none'; frame-ancestors 'none'"],
] as const

/** Health, metrics and the API for operators, apart from the clients' listener so that neither load nor a drain there hides them. */
export async function startAdminServer(options: AdminOptions): Promise<AdminServer> {
  const { host, port, reusePort = false } = options
  const access = createAccess(options)
  const server = createServer((req, res) => {
    answer(options, access, req, res).catch((error) => {
      // A process without a file descriptor left cannot read its own memory, say: no reason to end for a scrape.
      options.logger.error({ err: error, url: req.url }, 'the admin API failed')
      if (!res.headersSent) problem(res, 500, 'internal', 'Internal error')
    })
  })
  server.requestTimeout = REQUEST_TIMEOUT_MS
  server.headersTimeout = REQUEST_TIMEOUT_MS
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new Error(`cannot listen on ${host}:${port} (admin): ${cause.message}`, { cause })),
    )
    server.listen({ host, port, reusePort }, resolve)
  })
  server.on('error', (error) => options.logger.error({ err: error }, 'the admin listener failed'))
  return {
    port: (server.address() as AddressInfo).port,
    stopListening: () => void server.close(),
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

async function answer(options: AdminOptions, access: Access, req: IncomingMessage, res: ServerResponse): Promise<void> {
  for (const [name, value] of OWN_FIELDS) res.setHeader(name, value)
  const [path = '/', query = ''] = (req.url ?? '/').split('?', 2)
  // Health is for whoever asks: a probe's Host is the address of the pod.
  const isHealth = path === '/healthz' || path === '/readyz'
  const isApi = path.startsWith('/api/')
  const refusal = isHealth ? undefined : (access.refusePage(req) ?? (isApi ? access.refuseStranger(req) : undefined))
  if (refusal !== undefined) {
    if (refusal.status === 401) res.setHeader('www-authenticate', 'Bearer')
    problem(res, refusal.status, refusal.code, refusal.title)
  } else if (isApi) {
    const result = await answerApi(options.source, req.method ?? 'GET', path, new URLSearchParams(query))
    if ('value' in result) return json(res, result.status, result.value)
    if (result.allow !== undefined) res.setHeader('allow', result.allow)
    problem(res, result.status, result.code, result.title)
  } else if (req.method !== 'GET' && req.method !== 'HEAD') {
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
    problem(res, 404, 'no_route', 'The admin listener has /healthz, /readyz and /metrics, and the API below /api/')
  }
}

function json(res: ServerResponse, status: number, value: unknown): void {
  res.writeHead(status, { 'content-type': 'application/json' })
  res.end(`${JSON.stringify(value)}\n`)
}

function problem(res: ServerResponse, status: number, code: string, title: string): void {
  res.writeHead(status, { 'content-type': 'application/problem+json' })
  res.end(`${JSON.stringify({ type: 'about:blank', status, code, title })}\n`)
}
