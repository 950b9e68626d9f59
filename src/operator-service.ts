import { hostname } from 'node:os'
import { createQuestions } from './admin/questions.ts'
import type { AdminSource } from './admin/source.ts'
import type { Logger } from './exchange/logger.ts'
import type { NatsLink } from './nats/connection.ts'
import { ServiceResponder } from './nats/service-responder.ts'
import { packageVersion } from './package-version.ts'

/** Of the micro service that every router is. */
export const SERVICE_NAME = 'engine-router'
/** What can be asked of routers is below it. */
export const OPERATOR_PREFIX = 'engine-router.admin'

export interface OperatorServiceOptions {
  readonly link: NatsLink
  readonly logger: Logger
  readonly source: AdminSource
  /** Prometheus text. */
  readonly metrics: () => { readonly text: string }
  /** Shown to those who ask who there is. */
  readonly ports: { readonly http: number; readonly admin: number }
  readonly randomBytes: (count: number) => Buffer
}

/** Registers the router as a NATS micro service, for operators who ask all routers at once. The caller stops it. */
export function startOperatorService(options: OperatorServiceOptions): ServiceResponder {
  const { link, logger, source, metrics, ports, randomBytes } = options
  // Several routers may run on one machine. A host's name may be no NATS token, and be long.
  const id = `${hostname()
    .replaceAll(/[^\w-]/g, '-')
    .slice(0, 40)}-${randomBytes(4).toString('hex')}`
  return new ServiceResponder({
    link,
    logger,
    name: SERVICE_NAME,
    id,
    version: packageVersion(),
    description: 'Routes HTTP, SSE, WebSocket and TCP clients to NATS responders',
    metadata: { host: hostname(), http: String(ports.http), admin: String(ports.admin) },
    prefix: OPERATOR_PREFIX,
    endpoints: createQuestions({ router: id, source, metrics }),
  })
}
