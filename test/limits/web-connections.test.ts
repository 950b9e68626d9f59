import assert from 'node:assert/strict'
import { describe, mock, type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { ConnectionLimits } from '../../src/adapters/connection-limits.ts'
import { WebConnections } from '../../src/adapters/web-connections.ts'
import type { Limit } from '../../src/exchange/limit.ts'

const TERM_MS = 16_000

function start(t: TestContext, maxPerAddress: number) {
  const hits: Limit[] = []
  const observer = { onLimit: (limit: Limit) => void hits.push(limit) }
  const limits = new ConnectionLimits({
    maxConnections: 100,
    maxPerAddress,
    isProxy: (address) => address === 'proxy',
    observer,
  })
  const web = new WebConnections({ limits, observer })
  t.after(() => web.close())
  /** Opens, asks and is answered. */
  const serve = (address: string) => {
    const opened = web.onOpened(address)
    if (opened) web.onAnswered(web.onRequest(address))
    return opened
  }
  return { limits, web, hits, serve }
}

describe('web connections of an address', () => {
  test('are as many as there may be, in whatever state, and not one more', (t) => {
    const { web, hits, serve } = start(t, 4)
    assert.ok(web.onOpened('a'))
    assert.ok(serve('a'))
    assert.ok(web.onOpened('a'))
    web.onRequest('a')
    assert.ok(web.onOpened('a'))
    assert.ok(!web.onOpened('a'))
    assert.deepEqual(hits, ['connections_per_ip'])
    assert.ok(web.onOpened('b'))
    for (let i = 0; i < 10; i++) assert.ok(web.onOpened('proxy'))
  })

  test('make room when they close, before a request, within one and as a WebSocket', (t) => {
    const { limits, web } = start(t, 3)
    assert.ok(web.onOpened('a') && web.onOpened('a') && web.onOpened('a'))
    const lost = web.onRequest('a')
    const upgraded = web.onRequest('a')
    assert.ok(!web.onOpened('a'))
    web.onClosed()
    web.onUnused('a')
    web.onLost(lost)
    web.onClosed()
    web.onUpgradedClosed(upgraded)
    assert.equal(limits.peers.size, 0)
    assert.equal(limits.connections, 0)
    assert.equal(web.open, 0)
  })

  test('make room at once when one closes between requests and there is no other address', async (t) => {
    const { limits, web, serve } = start(t, 2)
    assert.ok(serve('a') && serve('a') && !serve('a'))
    web.onClosed()
    assert.ok(serve('a') && !serve('a'))
    web.onClosed()
    web.onClosed()
    await turn()
    assert.equal(limits.peers.size, 0)
  })

  test('that may have closed are no reason to refuse another', async (t) => {
    const { web, serve } = start(t, 2)
    assert.ok(serve('a') && serve('a') && serve('b'))
    web.onClosed()
    await turn()
    // Whether it was a or b that has gone, neither is refused.
    assert.ok(serve('a') && serve('b'))
    assert.ok(!serve('a'))
  })

  test('of many addresses are forgotten when all have closed', async (t) => {
    const { limits, web, serve } = start(t, 2)
    for (const address of ['a', 'b', 'c']) serve(address)
    for (let i = 0; i < 3; i++) web.onClosed()
    await turn()
    assert.equal(limits.peers.size, 0)
    assert.equal(limits.connections, 0)
  })

  test('that were in doubt are forgotten after two terms, and those that are there are not', (t) => {
    mock.timers.enable({ apis: ['setInterval'] })
    t.after(() => mock.timers.reset())
    const { limits, web, serve } = start(t, 2)
    assert.ok(serve('a') && serve('a') && serve('b') && serve('c'))
    web.onRequest('c')
    web.onClosed()
    web.onClosed()
    web.onClosed()
    mock.timers.tick(TERM_MS)
    mock.timers.tick(TERM_MS)
    assert.deepEqual([...limits.peers.keys()], ['c'])
    assert.ok(serve('a') && serve('a') && !serve('a'))
  })

  test('are not refused for how many there have been, term after term', (t) => {
    mock.timers.enable({ apis: ['setInterval'] })
    t.after(() => mock.timers.reset())
    const { limits, web, serve } = start(t, 10)
    // Of another address, so that no close between two requests is put down to anybody.
    assert.ok(serve('b') && web.onOpened('proxy'))
    for (let term = 0; term < 5; term++) {
      web.onAnswered(web.onRequest('b'))
      for (let i = 0; i < 50; i++) {
        assert.ok(serve('a'), `the ${i}th of term ${term}`)
        web.onClosed()
        assert.ok(web.onOpened('a'))
        web.onClosed()
        web.onUnused('a')
        assert.ok(serve('proxy'))
        web.onClosed()
      }
      mock.timers.tick(TERM_MS)
    }
    mock.timers.tick(TERM_MS)
    // What has closed gives nobody room for ever either.
    for (let i = 0; i < 10; i++) assert.ok(serve('a'))
    assert.ok(!serve('a'))
    assert.equal(limits.peers.get('a')?.quiet, 10)
  })

  test('are counted in all, and those that were refused are not', (t) => {
    const { limits, web, hits } = start(t, 1000)
    for (let i = 0; i < 100; i++) assert.ok(web.onOpened(`address ${i}`))
    assert.ok(!web.onOpened('one more'))
    web.refuse(() => web.onClosed())
    assert.deepEqual(hits, ['connections'])
    assert.equal(limits.connections, 100)
    assert.equal(limits.peers.size, 100)
    assert.equal(web.refused, 1)
  })
})
