/**
 * A router whose event loop is held up for a fixed time by each request that it serves, and so has much the same capacity
 * on any machine, busy or not: what it cannot serve has to wait, as behind one that needs its processor for so long.
 */
import { Admission } from '../../src/routing/admission.ts'
import { startGateway } from '../support/gateway.ts'

const HOLD_MS = 0.5
const never = new Int32Array(new SharedArrayBuffer(4))

const admission = new Admission({
  maxLoopDelayMs: 20,
  now: () => performance.now(),
  workedMs: () => performance.now(),
  afterTurn: setImmediate,
  onChange() {},
})
const gateway = await startGateway({
  natsUrl: process.env.NATS_URL!,
  routes: [{ name: 'bench', match: { path: '/bench/{id}' }, subject: 'bench.{id}' }],
  keepEnded: false,
  admit: (service) =>
    admission.protect({
      ...service,
      dispatch(request, client) {
        Atomics.wait(never, 0, 0, HOLD_MS)
        return service.dispatch(request, client)
      },
    }),
})
process.stdout.write(`ready ${gateway.port}\n`)
