import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { startSession } from './session-under-test.ts'

const WINDOW_BYTES = 256 * 1024
const CHUNK = 'x'.repeat(64 * 1024)

describe('a request body over a mux session', () => {
  test('goes on in data until its end', async () => {
    const mux = startSession()
    await mux.exchange(
      { t: 'open', id: 1, method: 'PUT', path: '/', body: 'a', more: true },
      { t: 'data', id: 1, body: 'b' },
      { t: 'data', id: 1, body: new Uint8Array([99]), end: true },
    )
    const backend = mux.backends[0]!
    assert.equal(backend.request.length, -1)
    assert.deepEqual(
      backend.chunks.map(({ text, meta }) => [text, meta]),
      [
        ['a', undefined],
        ['b', undefined],
        ['c', undefined],
      ],
    )
    assert.ok(backend.ended)
    backend.respond('ok')
    await mux.settle()
    assert.equal(mux.ended[0]?.bytesIn, 3)
  })

  test('is granted credit as the backend takes it', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/', more: true })
    assert.deepEqual(await mux.exchange({ t: 'data', id: 1, body: CHUNK }), [])
    assert.deepEqual(await mux.exchange({ t: 'data', id: 1, body: CHUNK }), [
      { t: 'credit', id: 1, to: WINDOW_BYTES + 2 * CHUNK.length },
    ])
    mux.backends[0]!.hasRoom = false
    assert.deepEqual(await mux.exchange(...[1, 2, 3, 4].map(() => ({ t: 'data', id: 1, body: CHUNK }) as const)), [])
    assert.equal(mux.backends[0]?.chunks.length, 3)
    mux.backends[0]!.hasRoom = true
    mux.backends[0]!.client.drained()
    assert.equal(mux.backends[0]?.chunks.length, 6)
    assert.deepEqual(await mux.settle(), [{ t: 'credit', id: 1, to: WINDOW_BYTES + 6 * CHUNK.length }])
  })

  test('beyond its credit resets the exchange alone', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/', more: true }, { t: 'open', id: 2, path: '/' })
    mux.backends[0]!.hasRoom = false
    for (let i = 0; i < 4; i++) await mux.exchange({ t: 'data', id: 1, body: CHUNK })
    const [frame] = await mux.exchange({ t: 'data', id: 1, body: 'x' })
    assert.equal(frame?.t === 'reset' && frame.code, 'bad_request')
    assert.equal(mux.backends[0]?.error?.code, 'bad_request')
    assert.deepEqual([mux.closed, mux.session.openExchanges], [undefined, 1])
  })

  test('in too many frames for a backend that takes none resets the exchange', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/term', more: true })
    mux.backends[0]!.hasRoom = false
    let frames = 0
    for (; mux.session.openExchanges === 1 && frames < 100_000; frames++) mux.send({ t: 'data', id: 1, body: '' })
    assert.ok(frames > 4096 && frames < 4200, String(frames))
    assert.equal(mux.backends[0]?.error?.code, 'too_large')
  })

  test('is ended for the backend once it has taken what came before', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/', more: true })
    const backend = mux.backends[0]!
    backend.hasRoom = false
    await mux.exchange({ t: 'data', id: 1, body: 'a' }, { t: 'data', id: 1, body: 'b' }, { t: 'end', id: 1 })
    assert.equal(backend.ended, undefined)
    backend.client.drained()
    assert.deepEqual([backend.chunks.length, backend.ended], [2, undefined])
    backend.client.drained()
    assert.ok(backend.ended)
  })

  test('is of no use once the response is whole', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/', more: true })
    mux.backends[0]!.respond('enough')
    await mux.settle()
    assert.equal(mux.backends[0]?.error?.code, 'client_gone')
    assert.deepEqual(
      mux.ended.map(({ code }) => code),
      ['ok'],
    )
    assert.deepEqual(await mux.exchange({ t: 'data', id: 1, body: 'more' }), [])
    assert.equal(mux.session.openExchanges, 0)
  })

  test('has no data after its end', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/' }, { t: 'open', id: 2, path: '/', more: true })
    const frames = await mux.exchange({ t: 'data', id: 1, body: 'x' }, { t: 'end', id: 2 }, { t: 'end', id: 2 })
    assert.deepEqual(
      frames.map((frame) => frame.t === 'reset' && [frame.id, frame.code]),
      [
        [1, 'bad_request'],
        [2, 'bad_request'],
      ],
    )
  })
})

describe('a duplex over a mux session', () => {
  test('has messages both ways, text and bytes kept', async () => {
    const mux = startSession()
    await mux.exchange(
      { t: 'open', id: 1, path: '/term', more: true },
      { t: 'data', id: 1, body: 'text' },
      { t: 'data', id: 1, body: new Uint8Array([98]), fin: false },
      { t: 'data', id: 1, body: '' },
    )
    const backend = mux.backends[0]!
    assert.deepEqual(
      backend.chunks.map(({ text, meta }) => [text, meta]),
      [
        ['text', { type: 'text' }],
        ['b', { type: 'binary', fin: false }],
        ['', { type: 'text' }],
      ],
    )
    backend.stream()
    backend.client.data(Buffer.from('text'), { type: 'text' })
    backend.client.data(Buffer.from('bytes'), { type: 'binary' })
    await mux.settle()
    assert.deepEqual(mux.sent.slice(1), ['{"t":"data","id":1,"body":"text"}', '{"t":"data","id":1,"b64":"Ynl0ZXM="}'])
  })

  test('ends in each direction by itself', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/term', more: true })
    const backend = mux.backends[0]!
    backend.stream()
    backend.client.end(undefined, 4000)
    await mux.settle()
    assert.equal(mux.sent.at(-1), '{"t":"end","id":1,"close":4000}')
    assert.equal(mux.session.openExchanges, 1)
    await mux.exchange({ t: 'data', id: 1, body: 'still' }, { t: 'end', id: 1, close: 3001 })
    assert.equal(backend.chunks[0]?.text, 'still')
    assert.deepEqual(backend.ended, { closeCode: 3001 })
    assert.equal(mux.session.openExchanges, 0)
    assert.equal(mux.ended[0]?.code, 'ok')
  })

  test('is granted credit after its backend has said all', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/term', more: true })
    mux.backends[0]!.stream()
    mux.backends[0]!.client.end()
    await mux.settle()
    const frames = await mux.exchange({ t: 'data', id: 1, body: CHUNK }, { t: 'data', id: 1, body: CHUNK })
    assert.deepEqual(
      frames.map(({ t }) => t),
      ['credit'],
    )
  })

  test('takes no close code that an endpoint may not send', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/term', more: true }, { t: 'end', id: 1, close: 1006 })
    assert.deepEqual(mux.backends[0]?.ended, { closeCode: undefined })
  })
})
