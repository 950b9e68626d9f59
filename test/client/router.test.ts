import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { connect } from '../../src/client/index.ts'
import { eventually } from '../support/eventually.ts'
import { startRouterUnderTest } from './router-under-test.ts'
import { EXPECTED, scenarios } from './scenarios.ts'

describe('the client and the router', () => {
  for (const encoding of ['bin', 'json'] as const) {
    test(`understand each other (${encoding})`, async (t) => {
      const router = await startRouterUnderTest(t)
      for (const [name, scenario] of Object.entries(scenarios)) {
        await t.test(name, async () => {
          assert.deepEqual(await scenario(router.url, encoding), EXPECTED[name as keyof typeof EXPECTED])
          await router.assertIdle()
        })
      }
      await eventually('the backend has heard of both that left', () => router.abandoned === 2)
    })
  }

  test('hold a response back that nobody reads', async (t) => {
    const router = await startRouterUnderTest(t)
    const client = connect(router.url)
    const response = await client.fetch('/count?bytes=20000000')
    // All else goes on meanwhile.
    for (let n = 0; n < 20; n++) await (await client.fetch('/count?bytes=3')).arrayBuffer()
    assert.equal((await response.arrayBuffer()).byteLength, 20_000_000)
    client.close()
    await router.assertIdle()
  })

  test('carry any number of tiny messages', async (t) => {
    const router = await startRouterUnderTest(t)
    const client = connect(router.url)
    const duplex = client.open('/term/1')
    const reading = (async () => {
      let count = 0
      for await (const { data } of duplex) assert.equal(data, `${count++}`)
      return count
    })()
    for (let n = 0; n < 20_000; n++) await duplex.send(`${n}`)
    duplex.end()
    assert.equal(await reading, 20_000)
    client.close()
    await router.assertIdle()
  })

  test('do no request twice that may not be, and lose none that may, however often the connection is cut', async (t) => {
    const router = await startRouterUnderTest(t)
    const client = connect(router.url, { random: () => 0 })
    const lost = { GET: 0, POST: 0 }
    let requests = 0
    const work = async (method: 'GET' | 'POST') => {
      for (let n = 0; n < 25; n++) {
        const id = `${method} ${requests++}`
        const response = await client.fetch('/hello/x', { method, headers: { 'x-id': id } }).catch((error) => {
          assert.equal(error.code, 'connection_lost')
          lost[method]++
        })
        await response?.arrayBuffer().catch((error) => assert.equal(error.code, 'connection_lost'))
        if (requests % 40 === 0) router.cut()
      }
    }
    await Promise.all(Array.from({ length: 16 }, (_, index) => work(index % 2 === 0 ? 'GET' : 'POST')))
    const posts = router.seen.filter((id) => id.startsWith('POST'))
    assert.equal(new Set(posts).size, posts.length)
    assert.ok(lost.POST > 0, 'no connection was cut at a time that matters')
    assert.ok(lost.GET <= lost.POST, 'three cuts in a row are more than three attempts can bear, but rare')
    client.close()
    await router.assertIdle()
  })

  test('part when the router drains: what is under way ends, what is new waits', async (t) => {
    const router = await startRouterUnderTest(t)
    const client = connect(router.url)
    const duplex = client.open('/term/1')
    await duplex.send('before')
    const messages = duplex[Symbol.asyncIterator]()
    assert.equal((await messages.next()).value?.data, 'before')
    const drained = router.gateway.http.drain(10_000)
    await eventually('the client was told to go', () => client.state !== 'open')
    await duplex.send('after')
    assert.equal((await messages.next()).value?.data, 'after')
    duplex.end()
    assert.equal(await duplex.closed, 1000)
    await drained
    client.close()
  })
})
