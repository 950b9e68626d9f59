import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { connect, type Message } from '../../src/client/index.ts'
import { eventually } from '../support/eventually.ts'
import { beginOne, type FakeConnection, startFakeRouter } from './fake-router.ts'
import { ManualClock } from './manual-clock.ts'

const WINDOW = 256 * 1024
const random = () => 0

async function all(messages: AsyncIterable<Message>): Promise<Message[]> {
  const found: Message[] = []
  for await (const message of messages) found.push(message)
  return found
}

/** Parts of 64 KiB of one message, as they are granted. */
async function sendParts(connection: FakeConnection, count: number, lastFin: false | undefined) {
  const part = { t: 'data', id: 1, body: new Uint8Array(64 * 1024), fin: false } as const
  let granted = WINDOW
  for (let n = 1; n <= count && connection.of('reset').length === 0; n++) {
    for (; n * part.body.length > granted; granted = connection.of('credit').at(-1)!.to)
      await connection.frame('credit', connection.of('credit').length + 1)
    connection.send(n === count ? { ...part, fin: lastFin } : part)
  }
}

describe('a duplex of the client', () => {
  for (const encoding of ['bin', 'json'] as const) {
    test(`carries messages both ways, each direction ending by itself (${encoding})`, async (t) => {
      const router = await startFakeRouter(t)
      const client = connect(router.url, { encoding })
      const duplex = client.open('/term/1', { headers: { 'x-a': 'b' } })
      void duplex.send('first')
      void duplex.send(Uint8Array.of(0xff))
      duplex.end(4000)
      const connection = await router.connection()
      const open = await connection.frame('open')
      assert.deepEqual([open.path, open.method, open.more, open.headers], ['/term/1', 'GET', true, { 'x-a': 'b' }])
      assert.equal((await connection.frame('end')).close, 4000)
      assert.deepEqual(
        connection.of('data').map(({ body }) => body),
        ['first', Uint8Array.of(0xff)],
      )
      await assert.rejects(duplex.send('late'), /has been ended/)
      connection.send(
        { t: 'head', id: 1, status: 200, headers: { 'x-c': 'd' } },
        { t: 'data', id: 1, body: 'text' },
        { t: 'data', id: 1, body: Uint8Array.of(0xfe) },
        { t: 'data', id: 1, body: 'event', event: 'tick', eventId: '7' },
        { t: 'data', id: 1, body: '', end: true },
      )
      const head = await duplex.head
      assert.deepEqual([head.status, head.headers.get('x-c')], [200, 'd'])
      assert.deepEqual(await all(duplex), [
        { type: 'text', data: 'text', event: undefined, id: undefined },
        { type: 'binary', data: Uint8Array.of(0xfe), event: undefined, id: undefined },
        { type: 'text', data: 'event', event: 'tick', id: '7' },
        { type: 'text', data: '', event: undefined, id: undefined },
      ])
      assert.equal(await duplex.closed, 1000)
      client.close()
    })
  }

  test('goes on to send after the end of what comes, and tells the close code', async (t) => {
    const { client, connection, begun: duplex } = await beginOne(t, (client) => client.open('/'))
    connection.send({ t: 'head', id: 1, status: 200 }, { t: 'end', id: 1, close: 4321 })
    assert.deepEqual(await all(duplex), [])
    await duplex.send('still')
    duplex.end()
    assert.equal(await duplex.closed, 4321)
    assert.equal((await connection.frame('data')).body, 'still')
    client.close()
  })

  test('cuts long messages into parts, between characters, and puts parts together', async (t) => {
    const { client, connection, begun: duplex } = await beginOne(t, (client) => client.open('/'))
    // Three bytes each but the last, which is a pair of surrogates of four: 65536 is not a multiple of three.
    const text = `${'€'.repeat(30_000)}😀`
    await duplex.send(text)
    await duplex.send(new Uint8Array(65_537).fill(1))
    await duplex.send('')
    const sent = await connection.frame('data', 5).then(() => connection.of('data'))
    assert.deepEqual(
      sent.map(({ fin }) => fin),
      [false, undefined, false, undefined, undefined],
    )
    assert.equal(`${sent[0]!.body}${sent[1]!.body}`, text)
    assert.deepEqual([sent[2]!.body.length, sent[3]!.body.length, sent[4]!.body], [65_536, 1, ''])
    connection.send({ t: 'head', id: 1, status: 200 })
    for (const frame of sent) connection.send(frame)
    connection.send({ t: 'end', id: 1 })
    const messages = await all(duplex)
    assert.deepEqual(
      messages.map(({ type, data }) => [type, data.length]),
      [
        ['text', text.length],
        ['binary', 65_537],
        ['text', 0],
      ],
    )
    assert.equal(messages[0]!.data, text)
    client.close()
  })

  test('reads a message that is longer than the window', async (t) => {
    const { client, connection, begun: duplex } = await beginOne(t, (client) => client.open('/'))
    connection.send({ t: 'head', id: 1, status: 200 })
    const [first] = await Promise.all([duplex[Symbol.asyncIterator]().next(), sendParts(connection, 8, undefined)])
    assert.equal(first.value?.data.length, 8 * 64 * 1024)
    client.close()
  })

  for (const [what, count, lastFin] of [
    ['without end', 257, false],
    ['that only its last part makes too long', 256, undefined],
  ] as const) {
    test(`refuses a message ${what}`, async (t) => {
      const { client, connection, begun: duplex } = await beginOne(t, (client) => client.open('/'))
      connection.send({ t: 'head', id: 1, status: 200 })
      const failed = assert.rejects(duplex[Symbol.asyncIterator]().next(), { code: 'too_large' })
      await sendParts(connection, count, lastFin)
      await failed
      assert.equal((await connection.frame('reset')).code, 'too_large')
      await assert.rejects(duplex.closed, { code: 'too_large' })
      client.close()
    })
  }

  test('with a body is a request whose response comes as messages', async (t) => {
    const router = await startFakeRouter(t)
    const client = connect(router.url, { random })
    const events = client.open('/chat', { method: 'post', body: 'hello' })
    const connection = await router.connection()
    const { method, body, more } = await connection.frame('open')
    assert.deepEqual([method, body, more], ['POST', 'hello', false])
    await assert.rejects(events.send('x'), /opened with a body/)
    connection.send({ t: 'reset', id: 1, code: 'busy', status: 503, retryable: true })
    await connection.frame('open', 2)
    connection.send(
      { t: 'head', id: 2, status: 200 },
      { t: 'data', id: 2, body: 'a', event: 'token' },
      { t: 'data', id: 2, body: 'b', event: 'token', end: true },
    )
    assert.deepEqual(
      (await all(events)).map(({ data, event }) => [data, event]),
      [
        ['a', 'token'],
        ['b', 'token'],
      ],
    )
    assert.equal(await events.closed, 1000)

    const none = client.open('/ticks', { body: null })
    assert.equal((await connection.frame('open', 3)).more, false)
    none.reset()
    await assert.rejects(none.closed, { code: 'client_gone' })
    client.close()
  })

  test('waits to send until it is granted', async (t) => {
    const { client, connection, begun: duplex } = await beginOne(t, (client) => client.open('/'))
    let isSent = false
    for (let n = 0; n < 4; n++) await duplex.send(new Uint8Array(65_536))
    const fifth = duplex.send('x').then(() => {
      isSent = true
    })
    await connection.frame('data', 4)
    connection.send({ t: 'ping' })
    await connection.frame('pong')
    assert.equal(isSent, false)
    connection.send({ t: 'credit', id: 1, to: WINDOW + 1 })
    await fifth
    assert.equal((await connection.frame('data', 5)).body, 'x')
    client.close()
  })

  test('does not hold any amount for those who do not wait', async (t) => {
    const router = await startFakeRouter(t)
    const client = connect(router.url)
    const duplex = client.open('/')
    const results = Array.from({ length: 40 }, () => duplex.send(new Uint8Array(500_000)))
    await assert.rejects(Promise.race(results.slice(-1)), { code: 'queue_full' })
    client.close()
  })

  test('is opened again until something was sent on it', async (t) => {
    const router = await startFakeRouter(t)
    const client = connect(router.url, { random })
    const busy = { t: 'reset', code: 'busy', status: 503, retryable: true } as const
    const duplex = client.open('/')
    const connection = await router.connection()
    await connection.frame('open')
    connection.send({ ...busy, id: 1 })
    await connection.frame('open', 2)
    await duplex.send('x')
    assert.equal((await connection.frame('data')).id, 2)
    connection.send({ ...busy, id: 2 })
    await assert.rejects(duplex.head, { code: 'busy' })
    await assert.rejects(duplex.closed, { code: 'busy' })
    await assert.rejects(all(duplex), { code: 'busy' })
    await assert.rejects(duplex.send('y'), { code: 'busy' })
    assert.equal(connection.of('open').length, 2)
    client.close()
  })

  test('keeps what is sent between two attempts for the next one', async (t) => {
    const router = await startFakeRouter(t)
    const clock = new ManualClock()
    const client = connect(router.url, { random: () => 0.5, clock })
    const duplex = client.open('/')
    const connection = await router.connection()
    await connection.frame('open')
    const timers = clock.pending
    connection.send({ t: 'reset', id: 1, code: 'busy', status: 503, retryable: true })
    await eventually('the client waits before it tries again', () => clock.pending > timers)
    const sent = [duplex.send('hello'), duplex.send('again')]
    duplex.end(4000)
    // Whatever they do at once is done by then.
    connection.send({ t: 'ping' })
    await connection.frame('pong')
    clock.advance(100)
    await connection.frame('end')
    await Promise.all(sent)
    assert.deepEqual(
      connection.frames.slice(-4).map((frame) => [frame.t, 'id' in frame && frame.id, 'body' in frame && frame.body]),
      [
        ['open', 2, undefined],
        ['data', 2, 'hello'],
        ['data', 2, 'again'],
        ['end', 2, false],
      ],
    )
    connection.send({ t: 'head', id: 2, status: 200 }, { t: 'end', id: 2 })
    assert.equal((await duplex.head).status, 200)
    assert.deepEqual(await all(duplex), [])
    client.close()
  })

  test('rejects what is sent between two attempts where there is no other', async (t) => {
    const clock = new ManualClock()
    const { client, connection, begun: duplex } = await beginOne(t, (client) => client.open('/'), { clock })
    const timers = clock.pending
    connection.send({ t: 'reset', id: 1, code: 'busy', status: 503, retryable: true })
    await eventually('the client waits before it tries again', () => clock.pending > timers)
    const sent = duplex.send('hello')
    client.close()
    await assert.rejects(sent, { code: 'closed' })
  })

  test('ends for both ends by a reset, a signal, a lost connection', async (t) => {
    const { client, connection, begun: duplex } = await beginOne(t, (client) => client.open('/'), { random })
    connection.send({ t: 'head', id: 1, status: 200 })
    await duplex.head
    const reading = all(duplex)
    duplex.reset(new Error('enough'))
    await assert.rejects(reading, /enough/)
    await assert.rejects(duplex.closed, /enough/)
    assert.equal((await connection.frame('reset')).id, 1)

    const abort = new AbortController()
    const second = client.open('/', { signal: abort.signal })
    await connection.frame('open', 2)
    connection.send({ t: 'head', id: 2, status: 200 })
    await second.head
    abort.abort(new Error('left'))
    await assert.rejects(second.closed, /left/)
    assert.equal((await connection.frame('reset', 2)).id, 2)

    const third = client.open('/')
    await connection.frame('open', 3)
    connection.send({ t: 'head', id: 3, status: 200 })
    await third.head
    connection.cut()
    await assert.rejects(third.closed, { code: 'connection_lost' })
    client.close()
  })

  test('that is reset before it is open is never opened', async (t) => {
    const router = await startFakeRouter(t)
    const client = connect(router.url)
    const duplex = client.open('/')
    duplex.reset()
    await assert.rejects(duplex.head, { code: 'client_gone' })
    assert.equal(router.connections.length, 0)
    client.close()
  })
})
