import { z } from 'zod'
import { CLOSED_SIDE } from '../exchange/closed-side.ts'
import { ExchangeError } from '../exchange/errors.ts'
import type { Dispatch } from '../exchange/exchange.ts'
import { durationMs, durationSchema } from '../schema/duration.ts'
import { BACKEND_FAILURES, type BackendFailure, BackendJudge } from './backend-outcome.ts'
import { Circuit } from './circuit.ts'
import { definePolicy } from './policy.ts'
import { watchExchange } from './watched-exchange.ts'

/** Without what NATS did: `no_responders` comes at once, and after a blip of NATS each stream has a `gap`. */
const DEFAULT_FAILURES: readonly BackendFailure[] = ['timeout', 'backend_lost', 'backend_error', 'protocol_error']

/** Spares a backend that fails too often, and its clients the wait. */
export const circuitBreaker = definePolicy({
  name: 'circuitBreaker',
  summary: 'Answers 503 `busy` at once, for a while, when too many exchanges of the route have failed.',
  schema: z.strictObject({
    failureRatio: z
      .number()
      .min(0.01)
      .max(1)
      .optional()
      .describe('The circuit opens when this part of the exchanges in the window has failed. Default 0.5.'),
    minExchanges: z
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .describe('With fewer exchanges in the window it stays closed. Default 20.'),
    window: durationSchema(1000, 600_000, '10s').optional().describe('How far it looks back. Default `10s`.'),
    openFor: durationSchema(1000, 600_000, '10s')
      .optional()
      .describe('How long it stays open before one exchange tries. Default `10s`.'),
    failures: z
      .array(z.enum(BACKEND_FAILURES))
      .min(1)
      .optional()
      .describe(
        `What counts as one: codes of errors, \`server_error\` for a status from 500. Default \`[${DEFAULT_FAILURES.join(', ')}]\`.`,
      ),
  }),
  create(options, route, { wheel, logger, circuits }) {
    const { failureRatio = 0.5, minExchanges = 20, window, openFor, failures = DEFAULT_FAILURES } = options
    const circuit = new Circuit({
      route: route.name,
      failureRatio,
      minExchanges,
      windowMs: durationMs(window, 10_000),
      openForMs: durationMs(openFor, 10_000),
      judge: new BackendJudge(failures, route),
      logger,
      now: () => wheel.now(),
    })
    circuits.add(circuit)
    return {
      wrap:
        (next): Dispatch =>
        (request, client) => {
          const waitMs = circuit.enter()
          if (waitMs === 0) return watchExchange(next, request, client, route, circuit.watcher)
          client.reset(
            new ExchangeError('busy', 'the circuit is open', {
              detail: 'The backend of this route has failed too often',
              retryAfterS: Math.ceil(waitMs / 1000),
            }),
          )
          return CLOSED_SIDE
        },
      close: () => void circuits.delete(circuit),
    }
  },
})
