/** Members of a queue that come and go: a stream stays with the member that took its beginning. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { startNats } from '../support/nats.ts'
import { type RouterUnderTest, readAll } from './client.ts'
import { clientProtocols } from './clients/index.ts'
import { Members } from './members.ts'
import { PREFIX } from './routes.ts'

const MEMBERS = 8
const STREAMS = 200
const STREAMS_AT_ONCE = 16
const LINES = 40
const LEAVES_EVERY_MS = 15

describe('a queue whose members come and go', { concurrency: true }, () => {
  for (const protocol of clientProtocols) {
    test(`keeps each stream on one member: ${protocol.name}`, {
      skip: protocol.cannot['half-close'] ?? false,
    }, async (t) => {
      const server = await startNats()
      t.after(() => server.stop())
      const members = new Members(server.url, `${PREFIX}.echo`)
      t.after(() => members.close())
      for (let n = 0; n < MEMBERS; n++) await members.join()
      const router = await protocol.startRouter(server.url)
      t.after(() => router.close())

      const outcomes = { whole: 0, failed: 0 }
      let next = 0
      const client = async () => {
        while (next < STREAMS) outcomes[await runStream(router, `stream-${next++}`)]++
      }
      let loading = true
      const load = Promise.all(Array.from({ length: STREAMS_AT_ONCE }, client)).finally(() => {
        loading = false
      })
      while (loading) {
        await members.join()
        if (members.killed > members.drained) members.drain()
        else await members.kill()
        await Promise.race([load, delay(LEAVES_EVERY_MS)])
      }
      await load
      t.diagnostic(
        `${outcomes.whole} whole, ${outcomes.failed} failed; ${members.killed} killed, ${members.drained} drained`,
      )
      assert.deepEqual(members.strays, [])
      assert.ok(outcomes.whole > 0, 'no stream came to its end')
      assert.ok(outcomes.failed > 0, 'no stream met the end of its member')
      await router.assertIdle()
    })
  }
})

/** Sends lines at its leisure; what comes back is all of them, or an error. */
async function runStream(router: RouterUnderTest, id: string): Promise<'whole' | 'failed'> {
  const stream = router.open('echo')
  const lines = Array.from({ length: LINES }, (_, n) => `${id} ${n} ${'.'.repeat(500)}\n`)
  const echoed = readAll(stream)
  for (const line of lines) {
    await stream.send(Buffer.from(line))
    await new Promise(setImmediate)
  }
  stream.end()
  const text = (await echoed).toString()
  const isWhole = stream.outcome().how === 'whole'
  if (isWhole) assert.equal(text, lines.join(''))
  else assert.ok(lines.join('').startsWith(text), `${id} got what it has not sent`)
  return isWhole ? 'whole' : 'failed'
}
