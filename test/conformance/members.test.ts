/** Members of a queue that come and go: a stream stays with the member that took its beginning. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '../support/eventually.ts'
import { startNats } from '../support/nats.ts'
import { type RouterUnderTest, readAll } from './client.ts'
import { clientProtocols } from './clients/index.ts'
import { Members } from './members.ts'
import { PREFIX, ROUTE_TIMEOUT_MS } from './routes.ts'

const MEMBERS = 8
const STREAMS = 80
const STREAMS_AT_ONCE = 8
const LINES = 40
/** The pace at which they do: streams have time to begin, and few to end. */
const LEAVES_EVERY_MS = 25
/** A client that has waited for so long leaves: that it would be told in the end is for silence.test.ts. */
const PATIENCE_MS = 1000

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
      // An OPEN that its member did not live to accept is given up at the timeout of the route.
      await eventually('the router is idle', () => router.assertIdle().then(() => true), {
        timeoutMs: 2 * ROUTE_TIMEOUT_MS,
      })
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
  const patience = setTimeout(() => stream.abort(), PATIENCE_MS)
  const text = (await echoed).toString()
  clearTimeout(patience)
  const isWhole = stream.outcome().how === 'whole'
  if (isWhole) assert.equal(text, lines.join(''))
  else assert.ok(lines.join('').startsWith(text), `${id} got what it has not sent`)
  return isWhole ? 'whole' : 'failed'
}
