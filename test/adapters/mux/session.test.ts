import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodeBinaryFrame } from '../../../src/adapters/framing/binary-frames.ts'
import { encodeJsonFrame } from '../../../src/adapters/framing/json-frames.ts'
import type { MuxFrame } from '../../../src/adapters/framing/mux-frame.ts'
import { startSession } from './session-under-test.ts'

describe('a mux session', () => {
  test('answers a ping and takes a pong', async () => {
    const mux = startSession()
    assert.deepEqual(await mux.exchange({ t: 'ping' }, { t: 'pong' }), [{ t: 'pong' }])
  })

  test('pings over TCP, where nothing else would', async () => {
    const mux = startSession({ kind: 'tcp' })
    mux.advance(25_100)
    assert.deepEqual(await mux.settle(), [{ t: 'ping' }])
    mux.advance(25_100)
    assert.deepEqual(await mux.settle(), [{ t: 'ping' }])
    mux.session.onClosed()
    assert.equal(mux.wheel.size, 0)
  })

  const faults: Record<string, [closeCode: number, code: string, frames: readonly unknown[]]> = {
    'what is not JSON': [4400, 'bad_request', ['{']],
    'a type that there is not': [4400, 'bad_request', [{ t: 'x', id: 2 }]],
    'an id twice': [4409, 'bad_request', [{ t: 'open', id: 1, path: '/' }]],
    'a lower id': [
      4409,
      'bad_request',
      [
        { t: 'open', id: 7, path: '/' },
        { t: 'open', id: 6, path: '/' },
      ],
    ],
    'data for an id that was never opened': [4400, 'bad_request', [{ t: 'data', id: 2, body: '' }]],
    'credit for an id that was never opened': [4400, 'bad_request', [{ t: 'credit', id: 2, to: 1 }]],
    'an id that is none': [4400, 'bad_request', [{ t: 'open', id: 0, path: '/' }]],
    'a head': [4400, 'bad_request', [{ t: 'head', id: 1, status: 200 }]],
    'a goaway': [4400, 'bad_request', [{ t: 'goaway', lastId: 1, grace: 1 }]],
    'more than 64 KiB in a frame': [1009, 'too_large', [{ t: 'data', id: 1, body: 'x'.repeat(65537) }]],
    'more than 512 KiB of JSON': [1009, 'too_large', [{ t: 'ping', padding: 'x'.repeat(512 * 1024) }]],
    'more than 64 KiB in an open': [1009, 'too_large', [{ t: 'open', id: 2, path: '/', body: 'ä'.repeat(32769) }]],
  }
  for (const [what, [closeCode, code, messages]] of Object.entries(faults)) {
    for (const kind of ['ws', 'tcp'] as const) {
      test(`over ${kind} is told what is wrong and closed for ${what}`, async () => {
        const mux = startSession({ kind })
        await mux.exchange({ t: 'open', id: 1, path: '/', more: true })
        for (const message of messages) {
          const text = typeof message === 'string' ? message : JSON.stringify(message)
          if (kind === 'ws') mux.session.onFrame(text)
          else mux.session.onBytes(Buffer.from(`${text}\n`))
        }
        const goaway = mux.frames.at(-1)
        assert.ok(goaway?.t === 'goaway', JSON.stringify(mux.frames))
        assert.deepEqual([goaway.code, goaway.grace], [code, 0])
        assert.match(goaway.detail ?? '', /^The client sent /)
        assert.equal(mux.closed?.code, closeCode)
        assert.equal(mux.backends[0]?.error?.code, 'client_gone')
        assert.deepEqual([mux.session.openExchanges, mux.underWay, mux.wheel.size], [0, 0, 0])
        assert.deepEqual(await mux.exchange({ t: 'open', id: 100, path: '/' }), [goaway])
      })
    }
  }

  for (const encoding of ['json', 'binary'] as const) {
    test(`reads nothing that comes in one piece behind a fault: ${encoding}`, async () => {
      const mux = startSession({ kind: 'tcp', encoding })
      const frames: MuxFrame[] = [
        { t: 'head', id: 1, status: 200 },
        { t: 'open', id: 1, path: '/' },
        { t: 'head', id: 1, status: 200 },
      ]
      const pieces = frames.map((frame) =>
        encoding === 'json' ? Buffer.from(`${encodeJsonFrame(frame)}\n`) : encodeBinaryFrame(frame),
      )
      mux.session.onBytes(Buffer.concat(pieces))
      await mux.settle()
      assert.deepEqual(
        mux.frames.map(({ t }) => t),
        ['goaway'],
      )
      assert.deepEqual([mux.closed?.code, mux.backends.length, mux.underWay], [4400, 0, 0])
    })
  }

  test('takes no bytes as JSON and no text as binary', async () => {
    const json = startSession()
    json.session.onFrame(Buffer.from('{"t":"ping"}'))
    assert.equal(json.closed?.code, 4400)
    const binary = startSession({ encoding: 'binary' })
    binary.session.onFrame('{"t":"ping"}')
    assert.equal(binary.closed?.code, 4400)
  })

  test('ignores what comes late for an exchange that is over', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 5, path: '/' })
    mux.backends[0]!.respond('x')
    await mux.settle()
    const late = [
      { t: 'data', id: 5, body: 'x' },
      { t: 'end', id: 5 },
      { t: 'credit', id: 5, to: 9 },
      { t: 'reset', id: 5, code: 'client_gone' },
      { t: 'data', id: 2, body: 'skipped' },
    ] as const
    assert.deepEqual(await mux.exchange(...late), [])
    assert.equal(mux.closed, undefined)
  })

  test('ends its exchanges when the connection is gone', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/', deadline: 1000 }, { t: 'open', id: 2, path: '/term', more: true })
    mux.backends[1]!.stream()
    mux.session.onClosed()
    assert.deepEqual(
      mux.backends.map(({ error }) => error?.code),
      ['client_gone', 'client_gone'],
    )
    assert.deepEqual([mux.session.openExchanges, mux.underWay, mux.wheel.size], [0, 0, 0])
    mux.backends[1]!.client.data(Buffer.from('late'))
    mux.backends[1]!.client.end()
    await mux.settle()
    assert.equal(mux.closed, undefined)
  })

  test('that drains takes nothing new and closes a second after the last exchange', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 4, path: '/' })
    mux.session.drain(5000)
    assert.deepEqual(await mux.settle(), [{ t: 'goaway', lastId: 4, grace: 4750, code: undefined, detail: undefined }])
    const [reset] = await mux.exchange({ t: 'open', id: 5, path: '/' })
    assert.deepEqual(reset?.t === 'reset' && [reset.id, reset.code, reset.retryable], [5, 'draining', true])
    assert.equal(mux.closed, undefined)
    mux.backends[0]!.respond('done')
    mux.advance(900)
    assert.equal(mux.closed, undefined)
    mux.advance(200)
    assert.deepEqual(mux.closed, { code: 1012, reason: 'the router stops' })
    assert.equal(mux.frames.at(-1)?.t, 'head')
    assert.equal(mux.wheel.size, 0)
  })

  test('that drains cuts what is left when the time is over', async () => {
    const mux = startSession({ kind: 'tcp' })
    await mux.exchange({ t: 'open', id: 1, path: '/' }, { t: 'open', id: 2, path: '/' })
    mux.session.drain(5000)
    await mux.settle()
    mux.advance(4700)
    assert.equal(mux.session.openExchanges, 2)
    mux.advance(100)
    assert.deepEqual(
      mux.frames.slice(-2).map((frame) => frame.t === 'reset' && [frame.id, frame.code, frame.retryable]),
      [
        [1, 'draining', false],
        [2, 'draining', false],
      ],
    )
    assert.equal(mux.closed?.code, 1012)
    assert.deepEqual(
      mux.backends.map(({ error }) => error?.code),
      ['draining', 'draining'],
    )
    assert.deepEqual([mux.underWay, mux.wheel.size], [0, 0])
  })

  test('that drains without exchanges refuses what the client sends before it hears of it', async () => {
    const idle = startSession()
    idle.session.drain(5000)
    const [goaway, reset] = await idle.exchange({ t: 'open', id: 1, path: '/' })
    assert.partialDeepStrictEqual(
      [goaway, reset],
      [
        { t: 'goaway', lastId: 0 },
        { t: 'reset', code: 'draining' },
      ],
    )
    assert.equal(idle.closed, undefined)
    idle.advance(1100)
    assert.deepEqual(idle.closed, { code: 1012, reason: 'the router stops' })
  })

  test('that drains without time closes at once', async () => {
    const busy = startSession()
    await busy.exchange({ t: 'open', id: 1, path: '/' })
    busy.session.drain(5000)
    busy.session.drain(0)
    assert.equal(busy.closed?.code, 1012)
    assert.deepEqual(
      busy.frames.map(({ t }) => t),
      ['goaway', 'reset'],
    )
  })

  test('finishes what is under way when the client has sent all, and closes', async () => {
    const mux = startSession({ kind: 'tcp' })
    await mux.exchange(
      { t: 'open', id: 1, path: '/' },
      { t: 'open', id: 2, path: '/', more: true },
      { t: 'open', id: 3, path: '/term', more: true },
    )
    const [whole, partial, duplex] = mux.backends
    mux.session.onEnded()
    assert.equal(partial!.error?.code, 'client_gone')
    assert.ok(duplex!.ended)
    assert.equal(mux.session.openExchanges, 2)
    whole!.respond('x')
    duplex!.respond('y')
    await mux.settle()
    assert.equal(mux.closed?.code, 1000)
    assert.equal(mux.frames.filter(({ t }) => t === 'head').length, 2)
  })

  test('waits for no credit of a client that has sent all', async () => {
    const mux = startSession({ kind: 'tcp' })
    await mux.exchange({ t: 'open', id: 1, path: '/', credit: 4 }, { t: 'open', id: 2, path: '/', credit: 4 })
    mux.backends[0]!.respond('more than that')
    mux.session.onEnded()
    assert.equal(mux.backends[0]?.error?.code, 'client_gone')
    mux.backends[1]!.respond('more than that')
    assert.equal(mux.backends[1]?.error?.code, 'client_gone')
    assert.equal(mux.closed?.code, 1000)
    assert.equal(mux.underWay, 0)
  })

  test('speaks binary', async () => {
    for (const kind of ['ws', 'tcp'] as const) {
      const mux = startSession({ encoding: 'binary', kind })
      await mux.exchange({ t: 'open', id: 1, method: 'POST', path: '/', body: 'hi' })
      assert.equal(mux.backends[0]?.chunks[0]?.text, 'hi')
      mux.backends[0]!.respond('ho')
      const [frame] = await mux.settle()
      assert.deepEqual(frame?.t === 'head' && [frame.status, Buffer.from(frame.body ?? '').toString(), frame.end], [
        200,
        'ho',
        true,
      ])
    }
  })
})
