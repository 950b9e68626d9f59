import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openSocket, refusedSocket } from '../../adapters/websocket/start-client.ts'
import { startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { startGuardedBackend } from '../guarded-backend.ts'

const P = `t${process.pid}away`
const TTL_S = 60

describe('an auth service that is away', () => {
  for (const [what, isSilent] of [
    ['nobody listens', false],
    ['nobody answers', true],
  ] as const) {
    test(`keeps out who is new, and lets its decisions hold: ${what}`, async (t) => {
      const backend = await startGuardedBackend(P)
      t.after(() => backend.close())
      let questions = 0
      const listen = async (answers: boolean) => {
        const subscription = backend.nats.subscribe(`${P}.decide`, {
          callback(_, message) {
            questions++
            const { authorization } = message.json<{ headers: Record<string, string> }>().headers
            const said = authorization === 'bad' ? { allow: false } : { allow: true, subjectId: authorization }
            if (answers) message.respond(JSON.stringify({ ...said, ttl: TTL_S }))
          },
        })
        await backend.nats.flush()
        return subscription
      }
      let nowMs = Date.now()
      const cacheBy = ['authorization']
      const asks = { subject: `${P}.decide`, timeout: '2s', headers: cacheBy }
      const kept = [{ authService: { ...asks, cacheBy } }]
      const gateway = await startGateway({
        natsUrl: await natsUrl(),
        policyContext: { now: () => nowMs },
        routes: [
          { name: 'kept', match: { path: '/kept' }, subject: `${P}.whole`, policies: kept },
          { name: 'asked', match: { path: '/asked' }, subject: `${P}.whole`, policies: [{ authService: asks }] },
          { name: 'rpc', match: { kind: 'ws', path: '/rpc' }, subject: `${P}.whole`, websocket: 'rpc', policies: kept },
        ],
      })
      t.after(() => gateway.close())
      const status = async (authorization: string, path = '/kept') =>
        (await fetch(`${gateway.url}${path}`, { headers: { authorization } })).status
      const ask = async (rpc: Awaited<ReturnType<typeof openSocket>>, count: number) => {
        rpc.ws.send('x')
        assert.equal((await rpc.messages(count)).at(-1), 'ok')
      }

      const present = await listen(true)
      assert.deepEqual([await status('alice'), await status('bad'), await status('alice', '/asked')], [200, 403, 200])
      const rpc = await openSocket(`${gateway.url}/rpc`, { headers: { authorization: 'alice' } })
      await ask(rpc, 1)
      present.unsubscribe()
      const silent = isSilent ? await listen(false) : undefined
      await backend.nats.flush()

      questions = 0
      assert.deepEqual([await status('alice'), await status('bad'), await status('bob')], [200, 403, 503])
      assert.equal(gateway.ended.at(-1)?.code, 'busy')
      assert.equal(await status('alice', '/asked'), 503, 'of which no decision is kept')
      assert.equal(questions, isSilent ? 2 : 0)
      const again = await openSocket(`${gateway.url}/rpc`, { headers: { authorization: 'alice' } })
      await ask(again, 1)
      const refusal = await refusedSocket(`${gateway.url}/rpc`, { headers: { authorization: 'bob' } })
      assert.deepEqual([refusal.status, refusal.problem.code], [503, 'busy'])
      nowMs += TTL_S * 1000 - 1
      assert.deepEqual([await status('alice'), await status('bad')], [200, 403])
      nowMs += 1
      assert.deepEqual([await status('alice'), await status('bad')], [503, 503], 'decisions are as old as they may be')
      await ask(rpc, 2)

      silent?.unsubscribe()
      await listen(true)
      assert.deepEqual([await status('alice'), await status('bob'), await status('bad')], [200, 200, 403])
      for (const socket of [rpc, again]) {
        socket.ws.close()
        await socket.closed()
      }
      await gateway.assertIdle()
    })
  }
})
