import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { createQuestions } from '../../src/admin/questions.ts'
import type { OpenExchange } from '../../src/exchange/open-exchange.ts'
import { fakeSource } from './fake-source.ts'

function questions(text: () => string, exchanges: readonly OpenExchange[] = []) {
  const source = fakeSource({
    exchangeCount: exchanges.length,
    exchanges: (after = 0) => exchanges.filter(({ number }) => number > after),
  })
  const all = createQuestions({ router: 'r-1', source, metrics: () => ({ text: text() }) })
  return async (name: string, question: string, maxBytes: number) => {
    const found = all.find((each) => each.name === name)
    assert.ok(found)
    return found.answer(Buffer.from(question), maxBytes)
  }
}

test('a page that does not fit into a message is shorter, and the next one goes on where it ends', async () => {
  const exchanges = Array.from({ length: 100 }, (_, n): OpenExchange => {
    const subject = `${n}`.padStart(500, 'é')
    return {
      number: n + 1,
      requestId: 'r',
      route: 'a',
      kind: 'http',
      subject,
      remote: '::1',
      state: 'opened',
      ageMs: 1,
    }
  })
  const ask = questions(() => '', exchanges)
  const seen: string[] = []
  for (let after = ''; ; ) {
    const answer = await ask('exchanges', after === '' ? '' : JSON.stringify({ after }), 16 * 1024)
    assert.ok('data' in answer)
    assert.ok(answer.data.length <= 16 * 1024)
    const { router, total, next, exchanges } = JSON.parse(Buffer.from(answer.data).toString())
    assert.deepEqual([router, total], ['r-1', 100])
    seen.push(...exchanges.map(({ id }: { id: string }) => id))
    if (next === undefined) break
    after = next
  }
  assert.deepEqual(
    seen,
    exchanges.map(({ number }) => `ex-${number}`),
  )
  const none = await ask('exchanges', '', 500)
  assert.ok('code' in none && none.code === 413)
})

test('metrics are compressed, and refused where even that is too much', async () => {
  const ask = questions(() => 'engine_router_routes 1\n'.repeat(10_000))
  const answer = await ask('metrics', '', 4096)
  assert.ok('data' in answer)
  assert.equal(gunzipSync(answer.data).length, 230_000)
  const large = await questions(() => randomBytes(5000).toString('hex'))('metrics', '', 4096)
  assert.ok('code' in large)
  assert.equal(large.code, 413)
  assert.match(large.title, /\/metrics of the admin listener/)
})
