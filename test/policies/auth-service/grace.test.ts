import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DeadlineWheel } from '../../../src/exchange/deadline-wheel.ts'
import { openSocket } from '../../adapters/websocket/start-client.ts'
import { startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { startGuardedBackend } from '../guarded-backend.ts'

const P = `t${process.pid}authgrace`
const LASTS_MS = 60_000
/** What is looked at just before an end, and just after it. */
const MARGIN_MS = 100

for (const [what, options, graceMs] of [
  ['by default', {}, 10_000],
  ['as the option says', { grace: '3s' }, 3000],
] as const) {
  test(`a connection goes on for ${graceMs} ms after the \`expires\` of an auth service, ${what}`, async (t) => {
    let nowMs = Date.now()
    const now = () => nowMs
    const wheel = new DeadlineWheel({ now })
    t.after(() => wheel.stop())
    const backend = await startGuardedBackend(P)
    t.after(() => backend.close())
    const said = { allow: true, subjectId: 'alice', expires: (nowMs + LASTS_MS) / 1000 }
    backend.nats.subscribe(`${P}.decide`, { callback: (_, message) => void message.respond(JSON.stringify(said)) })
    await backend.nats.flush()
    const policies = [{ authService: { subject: `${P}.decide`, ...options } }]
    const subject = `${P}.whole`
    const gateway = await startGateway({
      natsUrl: await natsUrl(),
      policyContext: { wheel, now },
      routes: [{ name: 'rpc', match: { kind: 'ws', path: '/rpc' }, subject, websocket: 'rpc', policies }],
    })
    t.after(() => gateway.close())
    const pass = (ms: number) => {
      nowMs += ms
      wheel.advance()
    }

    const rpc = await openSocket(`${gateway.url}/rpc`)
    pass(LASTS_MS + graceMs - MARGIN_MS)
    rpc.ws.send('x')
    const gone = rpc.closed().then(({ code }) => assert.fail(`closed with ${code}`))
    assert.deepEqual(await Promise.race([rpc.messages(1), gone]), ['ok'])
    pass(2 * MARGIN_MS)
    assert.deepEqual(await rpc.closed(), { code: 4401, reason: 'unauthorized' })
    await gateway.assertIdle()
    assert.equal(wheel.size, 0)
  })
}
