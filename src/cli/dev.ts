import { ChildGuard } from '../dev/child-guard.ts'
import { withdrawDevServers } from '../dev/dev-servers.ts'
import { createProgress } from '../dev/progress.ts'
import { type Session, startSession } from '../dev/session.ts'
import { welcome } from '../dev/welcome.ts'
import { CONFIG_OPTIONS } from './config-options.ts'
import { createPaint } from './print.ts'
import { type Io, UsageError, type Verb, VerbError } from './verb.ts'

/** Runs all of it on this machine: NATS, Postgres, the router and a demo backend. */
export const verb: Verb = {
  options: {
    config: CONFIG_OPTIONS.config,
    port: { type: 'string', value: 'PORT', description: 'listen for clients there (default: as configured, or 8080)' },
    'admin-port': { type: 'string', value: 'PORT', description: 'listen for operators there (default: 9090)' },
    'log-level': { type: 'string', value: 'LEVEL', description: 'log level of the router (default: info)' },
    trace: { type: 'boolean', description: 'send traces to engine-router trace, or to OTEL_EXPORTER_OTLP_ENDPOINT' },
    'no-backend': { type: 'boolean', description: 'start no demo backend' },
  },
  notes: [
    'DATABASE_URL and NATS_URL, where they are set, name the servers to use in place of its own: the routing table there is',
    'replaced by the routes file, and `routes rollback` brings it back.',
  ],
  examples: ['engine-router dev', 'engine-router dev --port 8081 --admin-port 9091', 'engine-router dev --trace'],
  async run({ options }, io) {
    const guard = new ChildGuard()
    // main.ts ends the process at the second Ctrl-C; what still runs then is killed.
    const killAll = () => guard.killAll()
    process.once('exit', killAll)
    const stopping = new AbortController()
    try {
      const session = await startSession(
        {
          config: text(options.config),
          port: parsePort('--port', text(options.port)),
          adminPort: parsePort('--admin-port', text(options['admin-port'])),
          logLevel: text(options['log-level']),
          backend: options['no-backend'] !== true,
        },
        options.trace === true ? { ...io, env: withTraces(io.env) } : io,
        guard,
        createProgress(io),
      )
      io.stdout.write(welcome(session, { isTraced: options.trace === true, paint: createPaint(io.stdout, io.env) }))
      reportBackendsEnd(session, io, stopping.signal)
      await untilEnd(session, io.signal)
    } catch (error) {
      if (!io.signal.aborted) throw error
    } finally {
      stopping.abort()
      if (io.signal.aborted) io.stdout.write('\nStopping all of it; Ctrl-C again kills it at once.\n')
      withdrawDevServers(io.cwd)
      await guard.close()
      process.off('exit', killAll)
    }
    io.stdout.write('Stopped.\n')
    return 0
  },
}

/** Traces go out soon, and where no other place is named, to the verb `trace`: it listens at this moment, or it does not. */
function withTraces(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const soon = { OTEL_BSP_SCHEDULE_DELAY: '200', ...env }
  if (env.OTEL_EXPORTER_OTLP_ENDPOINT || env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) return soon
  return { OTEL_EXPORTER_OTLP_TIMEOUT: '500', ...soon, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' }
}

/** Resolves at Ctrl-C; rejects when something ends by itself without which nothing works. */
async function untilEnd(session: Session, signal: AbortSignal): Promise<void> {
  const { promise: aborted, resolve: onAbort } = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => onAbort(), { once: true })
  if (signal.aborted) return
  const deaths = session.vital.map(async (child) => {
    const exit = await child.exited
    throw new VerbError(child.describe(exit))
  })
  await Promise.race([aborted, ...deaths])
}

/** The backend may be killed, that is what it is for; all else goes on. */
function reportBackendsEnd({ backend, natsUrl }: Session, io: Io, stopping: AbortSignal): void {
  void backend?.exited.then((exit) => {
    if (io.signal.aborted || stopping.aborted) return
    const [setting, where] = natsUrl === undefined ? ['', ' where NATS_URL is as here'] : [`NATS_URL=${natsUrl} `, '']
    io.stdout.write(`\n${backend.describe(exit)}\nRequests get 503 now. Start another${where} with:\n`)
    io.stdout.write(`  ${setting}npm run demo-backend\n\n`)
  })
}

function text(value: string | boolean | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function parsePort(flag: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  const port = /^\d{1,5}$/.test(value) ? Number(value) : 0
  if (port < 1 || port > 65_535) throw new UsageError(`${flag} must be a port from 1 to 65535, not "${value}"`)
  return port
}
