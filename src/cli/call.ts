import { randomFillSync } from 'node:crypto'
import { DeadlineWheel } from '../exchange/deadline-wheel.ts'
import { ERRORS, type ExchangeError } from '../exchange/errors.ts'
import type { Dispatch, RequestHead } from '../exchange/exchange.ts'
import { parseDurationMs } from '../exchange/units.ts'
import { createTransport } from '../nats/transport.ts'
import { createRouting } from '../routing/dispatch.ts'
import { compileTable } from '../routing/table.ts'
import { adviceFor } from './call-advice.ts'
import { type CallOutcome, call } from './call-client.ts'
import { describeOmissions } from './call-omissions.ts'
import { createCollectedOutput, createTextOutput } from './call-output.ts'
import { type CallRequest, readCallRequest } from './call-request.ts'
import { readCallRoutes } from './call-routes.ts'
import { CONFIG_OPTIONS, loadVerbConfig } from './config-options.ts'
import { createNatsAttempt } from './nats-attempt.ts'
import { createPaint, printJson } from './print.ts'
import { type Io, UsageError, type Verb, type VerbArgs } from './verb.ts'

const CONNECT_TIMEOUT_MS = 5000

export const verb: Verb = {
  usage: 'METHOD URL|PATH',
  options: {
    header: { type: 'string', short: 'H', multiple: true, value: "'NAME: VALUE'", description: 'A header' },
    data: { type: 'string', short: 'd', value: 'BODY|@FILE', description: 'The body, or the file that holds it' },
    'data-stdin': { type: 'boolean', description: 'Read the body from standard input' },
    subject: { type: 'string', short: 's', value: 'SUBJECT', description: 'Send there, whatever the routes say' },
    routes: { type: 'string', short: 'r', value: 'FILE', description: 'Routes of a file, not of the database' },
    timeout: { type: 'string', short: 't', value: 'TIME', description: "Instead of the route's timeout, such as 5s" },
    json: { type: 'boolean', description: 'Print one JSON document' },
    ...CONFIG_OPTIONS,
  },
  examples: [
    'engine-router call GET /hello/world --routes config/routes.yaml',
    `engine-router call POST http://example.com/orders/eu -H 'x-tier: gold' -d '{"n":1}'`,
    'engine-router call POST /any --subject orders.eu.create -d @order.json',
  ],
  async run(args, io) {
    const { options } = args
    const timeoutMs = readTimeout(options.timeout)
    const request = await readCallRequest(args, io)
    const config = await loadVerbConfig(args, io)
    const routes = await readCallRoutes(options, config, io)
    const specs = timeoutMs === undefined ? routes : routes.map((route) => ({ ...route, timeoutMs }))

    const json = options.json === true
    const wheel = new DeadlineWheel()
    const { link, connect } = createNatsAttempt(config.nats, 'engine-router call')
    const { inboxPrefix } = config.nats
    const transport = createTransport({ link, wheel, inboxPrefix, randomFill: randomFillSync, random: Math.random })
    const table = compileTable(specs, {
      revision: 0,
      dispatch: (route) =>
        json ? transport.dispatchFor(route) : announced(route.name, transport.dispatchFor(route), io),
      defaultMaxBodyBytes: config.limits.bodyBytes,
    })
    try {
      await connect(CONNECT_TIMEOUT_MS, io.signal)
      const { dispatch } = createRouting(() => table)
      const omissions = () => {
        const route = specs.find(({ name }) => name === request.head.route?.name)
        // Whoever names the subject has no route in mind, and none of its policies.
        return route === undefined || options.subject !== undefined
          ? undefined
          : describeOmissions(route, config.policies)
      }
      return await (json ? callForJson : callForText)(dispatch, request, omissions, io)
    } finally {
      await link.close()
      wheel.stop()
    }
  },
}

function readTimeout(option: VerbArgs['options'][string]): number | undefined {
  if (typeof option !== 'string') return undefined
  const timeoutMs = parseDurationMs(option)
  if (timeoutMs === undefined || timeoutMs < 1) throw new UsageError(`--timeout ${option}: expected a time such as 5s`)
  return timeoutMs
}

/** Tells which route took the request, before anything comes back. */
function announced(name: string, next: Dispatch, io: Io): Dispatch {
  return (request, client) => {
    io.stderr.write(`route ${name}, subject ${request.subject}\n`)
    return next(request, client)
  }
}

/** What the call has left out of the route that took it; known once it is over. */
type Omissions = () => string | undefined

async function callForText(dispatch: Dispatch, request: CallRequest, omissions: Omissions, io: Io): Promise<number> {
  const outcome = await call(dispatch, request, createTextOutput(io), io.signal)
  if (outcome.error !== undefined) {
    const { code, title, detail, status, advice } = describeError(outcome.error, request.head, omissions())
    const paint = createPaint(io.stderr, io.env)
    io.stderr.write(`${paint('red', 'error:')} ${code} (${status}): ${detail ?? title}${advice ? `; ${advice}` : ''}\n`)
  } else if (exitCodeOf(outcome) !== 0) {
    const advice = omissions()
    if (advice !== undefined) io.stderr.write(`${advice}\n`)
  }
  return exitCodeOf(outcome)
}

async function callForJson(dispatch: Dispatch, request: CallRequest, omissions: Omissions, io: Io): Promise<number> {
  const output = createCollectedOutput()
  const outcome = await call(dispatch, request, output, io.signal)
  const { head } = request
  printJson(io, {
    route: head.route?.name,
    subject: head.subject === '' ? undefined : head.subject,
    ...output.toJson(),
    error: outcome.error && describeError(outcome.error, head, omissions()),
    advice: outcome.error === undefined && exitCodeOf(outcome) !== 0 ? omissions() : undefined,
  })
  return exitCodeOf(outcome)
}

function describeError(error: ExchangeError, head: RequestHead, omissions: string | undefined) {
  const { code, detail, status } = error
  return { code, status, title: ERRORS[code].title, detail, advice: adviceFor(error, head, omissions) }
}

function exitCodeOf({ status, error }: CallOutcome): number {
  return error === undefined && status < 400 ? 0 : 1
}
