import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { MuxFrame } from '../../../src/adapters/framing/mux-frame.ts'
import { startSession } from './session-under-test.ts'

/** Type, id, and body or what else tells one frame from another. */
function outline(frames: readonly MuxFrame[]): unknown[] {
  return frames.map((frame) => {
    const parts: unknown[] = [frame.t]
    if ('id' in frame) parts.push(frame.id)
    if ('body' in frame && frame.body !== undefined) parts.push(frame.body)
    if ('fin' in frame && frame.fin === false) parts.push('part')
    if ('end' in frame && frame.end) parts.push('end')
    if ('code' in frame) parts.push(frame.code)
    return parts.join(' ')
  })
}

describe('a streamed response over a mux session', () => {
  test('is a head at once, then data, then an end', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 3, path: '/' })
    const { client } = mux.backends[0]!
    mux.backends[0]!.stream()
    assert.deepEqual(outline(await mux.settle()), ['head 3'])
    assert.equal(client.data(Buffer.from('one')), true)
    assert.equal(client.data(Buffer.from('two')), true)
    assert.deepEqual(outline(await mux.settle()), ['data 3 one', 'data 3 two'])
    client.end()
    assert.deepEqual(outline(await mux.settle()), ['end 3'])
    assert.equal(mux.ended[0]?.bytesOut, 6)
  })

  test('of a body has no parts, however its backend cuts it', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 3, path: '/' })
    mux.backends[0]!.stream()
    mux.backends[0]!.client.data(Buffer.from('one'), { fin: false })
    mux.backends[0]!.client.data(Buffer.from('two'))
    assert.deepEqual(outline(await mux.settle()), ['head 3', 'data 3 one', 'data 3 two'])
  })

  test('of many messages has the event and the id of each', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/' })
    const { client } = mux.backends[0]!
    mux.backends[0]!.stream({ messages: true })
    client.data(Buffer.from('x'), { event: 'tick', id: '7' })
    client.data(Buffer.from(''))
    client.data(Buffer.from('y'), { id: 'z'.repeat(2000) })
    await mux.settle()
    assert.deepEqual(mux.sent.slice(1), [
      '{"t":"data","id":1,"event":"tick","eventId":"7","body":"x"}',
      '{"t":"data","id":1,"body":""}',
      '{"t":"data","id":1,"body":"y"}',
    ])
  })

  test('that is no message loses no byte of a text that ends within a character', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/' })
    const { client } = mux.backends[0]!
    mux.backends[0]!.stream()
    client.data(Buffer.from('€').subarray(0, 2), { type: 'text', fin: false })
    client.end()
    await mux.settle()
    assert.deepEqual(mux.sent.slice(1), ['{"t":"data","id":1,"b64":"4oI="}', '{"t":"end","id":1}'])
  })

  test('keeps a character whole that a backend cuts, where only the first part says that it is text', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/' })
    const { client } = mux.backends[0]!
    mux.backends[0]!.stream({ messages: true })
    const euro = Buffer.from('€')
    client.data(euro.subarray(0, 2), { type: 'text', fin: false })
    client.data(euro.subarray(2))
    client.data(Buffer.from('next'), { type: 'text' })
    await mux.settle()
    assert.deepEqual(mux.sent.slice(1), [
      '{"t":"data","id":1,"fin":false,"body":""}',
      '{"t":"data","id":1,"body":"€"}',
      '{"t":"data","id":1,"body":"next"}',
    ])
  })

  test('that fails ends in a reset, which is not called safe to send again', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/' })
    const { client } = mux.backends[0]!
    mux.backends[0]!.stream()
    client.data(Buffer.from('x'))
    const { ExchangeError } = await import('../../../src/exchange/errors.ts')
    client.reset(new ExchangeError('busy', 'late'))
    await mux.settle()
    assert.deepEqual(outline(mux.frames), ['head 1', 'data 1 x', 'reset 1 busy'])
    assert.equal(mux.frames.at(-1)?.t === 'reset' && mux.frames.at(-1), mux.frames[2])
    assert.equal(mux.frames[2]?.t === 'reset' && mux.frames[2].retryable, false)
    assert.deepEqual([mux.ended[0]?.status, mux.ended[0]?.code], [200, 'busy'])
  })

  test('is cut where credit ends and goes on as it is granted', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/', credit: 5 })
    const backend = mux.backends[0]!
    backend.stream()
    assert.equal(backend.client.data(Buffer.from('0123456789')), false)
    assert.deepEqual(outline(await mux.settle()), ['head 1', 'data 1 01234'])
    // One that is below, and one that is the same.
    assert.deepEqual(await mux.exchange({ t: 'credit', id: 1, to: 3 }, { t: 'credit', id: 1, to: 5 }), [])
    assert.equal(backend.drains, 0)
    assert.deepEqual(outline(await mux.exchange({ t: 'credit', id: 1, to: 20 })), ['data 1 56789'])
    assert.equal(backend.drains, 1)
    backend.client.end()
    assert.deepEqual(outline(await mux.settle()), ['end 1'])
  })

  test('that is whole goes in pieces if credit does not cover it', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/', credit: 0 })
    mux.backends[0]!.respond('hello')
    assert.deepEqual(outline(await mux.settle()), ['head 1'])
    assert.equal(mux.session.openExchanges, 1)
    assert.deepEqual(outline(await mux.exchange({ t: 'credit', id: 1, to: 5 })), ['data 1 hello end'])
    assert.equal(mux.session.openExchanges, 0)
  })

  test('counts its whole body in one frame against credit', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/', credit: 5 })
    mux.backends[0]!.respond('hello')
    assert.deepEqual(outline(await mux.settle()), ['head 1 hello end'])
  })

  test('is never cut within a character', async () => {
    const mux = startSession()
    const text = 'äöü€😀'.repeat(10)
    await mux.exchange({ t: 'open', id: 1, path: '/term', credit: 4, more: true })
    const backend = mux.backends[0]!
    backend.stream()
    backend.client.data(Buffer.from(text), { type: 'text' })
    for (let to = 9; to < 200; to += 5) await mux.exchange({ t: 'credit', id: 1, to })
    const data = mux.frames.filter((frame) => frame.t === 'data')
    assert.ok(data.length > 10)
    assert.equal(data.map(({ body }) => body).join(''), text)
    assert.deepEqual(
      data.map(({ fin }) => fin),
      data.map((_, i) => (i === data.length - 1 ? undefined : false)),
    )
  })

  test('keeps a text that the backend has cut within a character', async () => {
    const mux = startSession()
    const bytes = Buffer.from('a😀b')
    await mux.exchange({ t: 'open', id: 1, path: '/term', more: true })
    const { client } = mux.backends[0]!
    mux.backends[0]!.stream()
    for (let i = 0; i < bytes.length; i++) {
      client.data(bytes.subarray(i, i + 1), { type: 'text', ...(i < bytes.length - 1 && { fin: false }) })
    }
    await mux.settle()
    const data = mux.frames.filter((frame) => frame.t === 'data')
    assert.equal(data.map(({ body }) => body).join(''), 'a😀b')
    assert.ok(data.every(({ body }) => typeof body === 'string'))
    assert.equal(data.at(-1)?.fin, undefined)
  })

  test('outlives the bytes that it was handed', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/', credit: 0 })
    mux.backends[0]!.stream()
    const bytes = Buffer.from('hello')
    mux.backends[0]!.client.data(bytes)
    bytes.fill(0)
    assert.deepEqual(outline(await mux.exchange({ t: 'credit', id: 1, to: 5 })), ['head 1', 'data 1 hello'])
  })
})

describe('a full connection', () => {
  test('stops the backend, and lets it go on when there is room', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/' })
    const backend = mux.backends[0]!
    backend.stream()
    mux.setFull(true)
    await mux.settle()
    assert.equal(backend.client.data(Buffer.from('a')), false)
    assert.deepEqual(await mux.settle(), [])
    mux.setFull(false)
    assert.deepEqual(outline(await mux.settle()), ['data 1 a'])
    assert.equal(backend.drains, 1)
  })

  test('gives turns of 16 KiB, so that a short response passes a long one', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/' }, { t: 'open', id: 2, path: '/' })
    const [long, short] = mux.backends
    long!.stream()
    mux.setCapacity(0)
    await mux.settle()
    long!.client.data(Buffer.alloc(1024 * 1024, 'x'))
    short!.respond('short')
    await mux.settle()
    mux.setCapacity(40 * 1024)
    const frames = await mux.settle()
    assert.deepEqual(
      frames.map((frame) => ('body' in frame ? [frame.t, frame.id, frame.body?.length] : frame.t)),
      [
        ['data', 1, 16384],
        ['head', 2, 5],
        ['data', 1, 65536],
      ],
    )
  })

  test('serves all that wait alike, by bytes', async () => {
    const mux = startSession()
    const ids = [1, 2, 3, 4]
    await mux.exchange(...ids.map((id) => ({ t: 'open', id, path: '/' }) as const))
    mux.setFull(true)
    for (const [i, backend] of mux.backends.entries()) {
      backend.stream()
      // Small chunks and large ones.
      const chunk = Buffer.alloc(1000 * 4 ** i, 'x')
      const fill = () => {
        while (backend.client.data(chunk));
      }
      backend.onDrained = fill
      fill()
    }
    for (let i = 0; i < 40; i++) {
      mux.setCapacity(64 * 1024)
      await mux.settle()
    }
    const bytes = ids.map((id) =>
      mux.frames.reduce((sum, frame) => sum + (frame.t === 'data' && frame.id === id ? frame.body.length : 0), 0),
    )
    assert.ok(Math.min(...bytes) > 400_000, String(bytes))
    assert.ok(Math.max(...bytes) < 1.3 * Math.min(...bytes), String(bytes))
    mux.session.onClosed()
  })

  test('writes no more than it was told to', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/' })
    mux.backends[0]!.stream()
    let handed = 0
    while (mux.backends[0]!.client.data(Buffer.alloc(1000))) handed++
    assert.ok(handed * 1000 < 80 * 1024, `${handed} KB at once`)
  })

  test('holds what ended until there is room, and counts it as open', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/' })
    mux.setCapacity(0)
    await mux.exchange({ t: 'ping' })
    mux.backends[0]!.respond('late')
    assert.deepEqual(await mux.settle(), [])
    assert.equal(mux.session.openExchanges, 1)
    mux.setFull(false)
    assert.deepEqual(outline(await mux.settle()), ['head 1 late end'])
    assert.equal(mux.session.openExchanges, 0)
  })

  test('is not read while too many answers wait', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/' })
    mux.setCapacity(0)
    await mux.exchange({ t: 'ping' })
    assert.equal(mux.paused, false)
    for (let i = 0; i < 5000; i++) mux.send({ t: 'ping' })
    assert.equal(mux.paused, true)
    mux.setCapacity(Infinity)
    assert.equal(mux.paused, false)
    assert.equal(mux.closed, undefined)
  })

  test('is closed for too many answers if it cannot be paused', async () => {
    const mux = startSession({ canPause: false })
    await mux.exchange({ t: 'open', id: 1, path: '/' })
    mux.setCapacity(0)
    await mux.exchange({ t: 'ping' })
    for (let i = 0; i < 5000; i++) mux.send({ t: 'ping' })
    assert.equal(mux.closed?.code, 1013)
    assert.equal(mux.backends[0]?.error?.code, 'client_gone')
    assert.equal(mux.underWay, 0)
  })
})
