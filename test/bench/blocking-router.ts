/**
 * A router whose event loop is held up for a fixed time by each request that it serves, and so has much the same capacity
 * on any machine, busy or not: what it cannot serve has to wait, as behind one that needs its processor for so long.
 */
import { Admission } from '../../src/routing/admission.ts'
import { SocketRound } from '../../src/socket-round.ts'
import { startGateway } from '../support/gateway.ts'

const HOLD_MS = 0.5
const never = new Int32Array(new SharedArrayBuffer(4))

const round = new SocketRound()
const admission = new Admission({
  maxLoopDelayMs: 20,
  now: () => performance.now(),
  workedMs: () => performance.now(),
  afterTurn: setImmediate,
  afterRound: (callback) => round.after(callback),
  random: Math.random,
  onChange() {},
})
const gateway = await startGateway({
  natsUrl: process.env.NATS_URL!,
  routes: [{ name: 'bench', match: { path: '/bench/{id}' }, subject: 'bench.{id}' }],
  keepEnded: false,
  gate: admission,
  admit: (service) => ({
    ...service,
    dispatch(request, client) {
      Atomics.wait(never, 0, 0, HOLD_MS)
      return service.dispatch(request, client)
    },
  }),
})
process.stdout.write(`ready ${gateway.port}\n`)
