import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { connect } from '../../src/client/index.ts'
import { eventually } from '../support/eventually.ts'
import { answering, beginOne, startFakeRouter } from './fake-router.ts'

const random = () => 0
const busy = { code: 'busy', status: 503, retryable: true } as const

async function* chunksOnce() {
  yield new TextEncoder().encode('x')
}

describe('retries of the client', () => {
  test('are three attempts where the router says that nothing was processed', async (t) => {
    const router = await startFakeRouter(t, {
      onFrame(frame, connection) {
        if (frame.t === 'open') connection.send({ t: 'reset', id: frame.id, ...busy })
      },
    })
    const client = connect(router.url, { random })
    await assert.rejects(client.fetch('/', { method: 'POST', body: 'x' }), { code: 'busy', retryable: true })
    const { frames } = await router.connection()
    assert.equal(frames.filter((frame) => frame.t === 'open' && frame.body === 'x').length, 3)
    client.close()
  })

  test('send a body of a form again, as a whole', async (t) => {
    const router = await startFakeRouter(t)
    const client = connect(router.url, { random })
    const pending = client.fetch('/', { method: 'POST', body: new URLSearchParams({ a: 'b' }) })
    const connection = await router.connection()
    await connection.frame('end')
    connection.send({ t: 'reset', id: 1, ...busy })
    await connection.frame('end', 2)
    assert.deepEqual(
      connection.of('data').map(({ id, body }) => [id, new TextDecoder().decode(body as Uint8Array)]),
      [
        [1, 'a=b'],
        [2, 'a=b'],
      ],
    )
    connection.send({ t: 'head', id: 2, status: 200, end: true })
    await pending
    client.close()
  })

  for (const [what, reset, init] of [
    ['an error that may have been processed', { code: 'timeout', status: 504, retryable: false }, {}],
    ['an error that says nothing of retries', { code: 'backend_lost', status: 502 }, {}],
    ['a stream, of which a part is gone', busy, { method: 'POST', body: new Response('x').body }],
    [
      'a body that can be iterated over once',
      busy,
      { method: 'POST', body: chunksOnce() as unknown as ReadableStream },
    ],
  ] as const) {
    test(`are none after ${what}`, async (t) => {
      const router = await startFakeRouter(t)
      const client = connect(router.url, { random })
      const pending = client.fetch('/', init)
      const connection = await router.connection()
      await connection.frame('open')
      connection.send({ t: 'reset', id: 1, ...reset })
      await assert.rejects(pending, { code: reset.code })
      assert.equal(connection.of('open').length, 1)
      client.close()
    })
  }

  test('follow a lost connection for a method that may be repeated, and for no other', async (t) => {
    const router = await startFakeRouter(t)
    const client = connect(router.url, { random })
    const get = client.fetch('/get')
    const put = client.fetch('/put', { method: 'PUT', body: 'x' })
    const post = client.fetch('/post', { method: 'POST', body: 'x' })
    const first = await router.connection()
    await first.frame('open', 3)
    first.cut()
    await assert.rejects(post, { code: 'connection_lost', retryable: false })
    const second = await router.connection(2)
    await second.frame('open', 2)
    assert.deepEqual(
      second
        .of('open')
        .map(({ path }) => path)
        .sort(),
      ['/get', '/put'],
    )
    for (const { id, path } of second.of('open')) second.send({ t: 'head', id, status: 200, body: path, end: true })
    assert.equal(await (await get).text(), '/get')
    assert.equal(await (await put).text(), '/put')
    client.close()
  })

  test('are none once the head has come: the body is cut', async (t) => {
    const { router, client, connection, begun: pending } = await beginOne(t, (client) => client.fetch('/'), { random })
    connection.send({ t: 'head', id: 1, status: 200 }, { t: 'data', id: 1, body: 'half' })
    const response = await pending
    connection.cut()
    await assert.rejects(response.text(), { code: 'connection_lost' })
    assert.equal(router.connections.length, 1)
    client.close()
  })

  test('go to a new connection after a goaway, while the rest finishes on the old one', async (t) => {
    const router = await startFakeRouter(t)
    const client = connect(router.url, { random })
    const kept = client.fetch('/kept', { method: 'POST' })
    const first = await router.connection()
    await first.frame('open')
    const refused = client.fetch('/refused', { method: 'POST', body: 'x' })
    await first.frame('open', 2)
    first.send({ t: 'goaway', lastId: 1, grace: 10_000 })
    const second = await router.connection(2)
    assert.equal((await second.frame('open')).path, '/refused')
    second.send({ t: 'head', id: 1, status: 200, body: 'new', end: true })
    assert.equal(await (await refused).text(), 'new')
    assert.equal(first.closeCode, undefined)
    first.send({ t: 'head', id: 1, status: 200, body: 'old', end: true })
    assert.equal(await (await kept).text(), 'old')
    await eventually('the old connection is closed', () => first.closeCode === 1000)
    assert.equal(second.closeCode, undefined)
    client.close()
  })

  test('are none after a goaway for a fault of the client', async (t) => {
    const { client, connection, begun: pending } = await beginOne(t, (client) => client.fetch('/'), { random })
    connection.send({ t: 'goaway', lastId: 0, grace: 0, code: 'bad_request', detail: 'two ids are the same' })
    await assert.rejects(pending, { code: 'bad_request', message: 'two ids are the same', retryable: false })
    client.close()
  })

  test('go to a new connection, and by a new token, after a goaway for that of the old one', async (t) => {
    const router = await startFakeRouter(t)
    let asked = 0
    const client = connect(router.url, { random, token: () => `t${++asked}` })
    const response = client.fetch('/', { method: 'POST', body: 'x' })
    const first = await router.connection()
    await first.frame('open')
    first.send({ t: 'goaway', lastId: 0, grace: 0, code: 'unauthorized', detail: 'it has expired' })
    const second = await router.connection(2)
    assert.equal((await second.frame('auth')).token, 't2')
    await second.frame('open')
    second.send({ t: 'head', id: 1, status: 200, body: 'new', end: true })
    assert.equal(await (await response).text(), 'new')
    client.close()
  })

  test('drop what comes late about the attempt before', async (t) => {
    const { client, connection, begun: pending } = await beginOne(t, (client) => client.fetch('/'), { random })
    connection.send(
      { t: 'reset', id: 1, ...busy },
      { t: 'head', id: 1, status: 500, body: 'late', end: true },
      { t: 'credit', id: 1, to: 10 },
    )
    await connection.frame('open', 2)
    connection.send({ t: 'head', id: 2, status: 200, body: 'right', end: true })
    assert.equal(await (await pending).text(), 'right')
    client.close()
  })

  test('end with the client', async (t) => {
    const router = await startFakeRouter(t, { onFrame: answering('x') })
    const client = connect(router.url, { random })
    await (await client.fetch('/')).text()
    client.close()
    await assert.rejects(client.fetch('/'), { code: 'closed' })
    await eventually('the connection is closed', async () => (await router.connection()).closeCode === 1000)
  })
})
