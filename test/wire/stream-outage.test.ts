import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ERROR, Harness } from './stream-harness.ts'

describe('a stream that has lost NATS', () => {
  test('sends nothing, then pings, and all that has waited once its peer is heard, the head first', () => {
    const h = new Harness({ role: 'backend' })
    h.stream.suspend()
    h.stream.head({ status: 200, headers: [] })
    assert.equal(h.stream.data(Buffer.from('a')), false)
    h.stream.end()
    h.stream.onFrame({ type: 'ping', seq: 0, credit: 0, bytes: 0 })
    h.nowMs += 60_000
    h.stream.onTick()
    assert.deepEqual(h.takeSent(), [])
    h.stream.resume()
    h.stream.drained()
    for (let i = 0; i < 2; i++) h.nowMs += h.stream.onTick()!
    h.stream.onTick()
    assert.deepEqual(h.takeSent(), ['ping 0 ?', 'ping 0 ?', 'ping 0 ?'])
    h.stream.onFrame({ type: 'pong', seq: 0, credit: 0, bytes: 0 })
    assert.deepEqual(h.takeSent(), ['head 1 a ?'])
  })

  test('answers a ping of its peer before it goes on', () => {
    const h = new Harness({ role: 'backend' })
    h.stream.suspend()
    h.stream.data(Buffer.from('a'))
    h.stream.resume()
    h.stream.onFrame({ type: 'ping', seq: 0, credit: 0, bytes: 0 })
    assert.deepEqual(h.takeSent(), ['ping 0 ?', 'pong 0', 'data 1 a ?'])
  })

  test('asks once a second until its peer is heard, and takes nobody there for a peer on its way back', () => {
    const h = new Harness()
    h.stream.suspend()
    h.stream.onPeerGone()
    h.nowMs += 2000
    h.stream.resume()
    for (let ms = 0; ms < 9000; ms += 1000) {
      h.stream.onPeerGone()
      assert.equal(h.stream.onTick(), 1000)
      h.nowMs += 1000
    }
    assert.equal(h.takeSent().length, 9)
    h.stream.onFrame({ type: 'ping', seq: 0, credit: 0, bytes: 0 })
    assert.equal(h.stream.closed, false)
    h.stream.onPeerGone()
    assert.deepEqual(h.takeHeard(), ['reset backend_lost'])
  })

  test('believes a 503 that comes 10 seconds after it has returned', () => {
    const h = new Harness()
    h.stream.suspend()
    h.stream.resume()
    h.nowMs += 9999
    h.stream.onPeerGone()
    assert.equal(h.stream.closed, false)
    h.nowMs += 1
    h.stream.onPeerGone()
    assert.deepEqual(h.takeHeard(), ['reset backend_lost'])
  })

  test('gives a peer up that says nothing for 30 seconds after it has returned', () => {
    const h = new Harness()
    h.stream.suspend()
    h.nowMs += 9000
    h.stream.resume()
    h.nowMs += 29_999
    h.stream.onTick()
    assert.equal(h.stream.closed, false)
    h.nowMs += 1
    assert.equal(h.stream.onTick(), undefined)
    assert.deepEqual(h.takeHeard(), ['reset backend_lost'])
  })

  test('is reset with a gap when its peer has missed what was on the way', () => {
    const h = new Harness()
    h.stream.data(Buffer.from('lost'))
    h.stream.suspend()
    h.stream.resume()
    assert.deepEqual(h.takeSent(), ['data 1 lost ?', 'ping 1 ?'])
    h.stream.onFrame({ type: 'ping', seq: 7, credit: 0, bytes: 700 })
    assert.deepEqual(h.takeSent(), ['reset -'])
    assert.deepEqual(h.takeHeard(), ['reset gap'])
  })

  test('tells its peer of a reset as soon as it is back', () => {
    const h = new Harness()
    h.stream.suspend()
    h.stream.resume()
    h.takeSent()
    h.stream.reset(ERROR)
    assert.deepEqual(h.takeSent(), ['reset -'])
  })

  test('may be interrupted again before its peer is heard', () => {
    const h = new Harness()
    h.stream.suspend()
    h.stream.resume()
    h.nowMs += 500
    h.stream.suspend()
    h.nowMs += 1000
    h.stream.onTick()
    h.stream.resume()
    assert.deepEqual(h.takeSent(), ['ping 0 ?', 'ping 0 ?'])
  })
})
