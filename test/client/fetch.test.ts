import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { connect, RouterError } from '../../src/client/index.ts'
import { eventually } from '../support/eventually.ts'
import { answering, beginOne, startFakeRouter } from './fake-router.ts'
import { ManualClock } from './manual-clock.ts'

const WINDOW = 256 * 1024
const random = () => 0

describe('fetch of the client', () => {
  for (const encoding of ['bin', 'json'] as const) {
    test(`sends a request and gives a response (${encoding})`, async (t) => {
      const router = await startFakeRouter(t)
      const client = connect(router.url, { headers: { 'x-a': '1', 'x-b': '1' }, encoding })
      const response = client.fetch('/orders/eu?x=1', { method: 'post', headers: { 'X-B': '2' }, body: 'hé' })
      const connection = await router.connection()
      const { headers, body, ...open } = await connection.frame('open')
      assert.equal(connection.protocol, `sx.v1.${encoding}`)
      assert.deepEqual(open, {
        t: 'open',
        id: 1,
        method: 'POST',
        path: '/orders/eu?x=1',
        more: false,
        credit: WINDOW,
        deadline: undefined,
      })
      assert.deepEqual(headers, {
        'x-a': '1',
        'x-b': '2',
        'content-type': 'text/plain;charset=UTF-8',
      })
      assert.equal(body, 'hé')
      connection.send({ t: 'head', id: 1, status: 201, headers: { 'x-c': ['3', '4'] }, body: '{"ok":1}', end: true })
      const { status, headers: answered } = await response
      assert.equal(status, 201)
      assert.equal(answered.get('x-c'), '3, 4')
      assert.deepEqual(await (await response).json(), { ok: 1 })
      client.close()
    })
  }

  test('encodes what a path cannot hold, and nothing else', async (t) => {
    const router = await startFakeRouter(t, { onFrame: answering('') })
    const client = connect(router.url)
    await client.fetch('/a b/é/%2f/😀?q=ü&r={x}')
    const [open] = (await router.connection()).of('open')
    assert.equal(open?.path, '/a%20b/%C3%A9/%2f/%F0%9F%98%80?q=%C3%BC&r={x}')
    client.close()
  })

  test('takes bodies of each kind', async (t) => {
    const router = await startFakeRouter(t, { onFrame: answering('') })
    const client = connect(router.url)
    const form = new FormData()
    form.set('a', 'b')
    const bodies = [
      ['text', new TextEncoder().encode('bytes')],
      ['buffer', new TextEncoder().encode('buffer').buffer],
      ['blob', new Blob(['blob'], { type: 'image/png' })],
      ['params', new URLSearchParams({ a: 'b' })],
      ['form', form],
    ] as const
    const sent: string[] = []
    for (const [, body] of bodies) {
      const response = await client.fetch('/', { method: 'POST', body })
      await response.text()
    }
    const connection = await router.connection()
    for (const open of connection.of('open')) sent.push(String(open.headers?.['content-type']))
    assert.deepEqual(sent.slice(0, 4), [
      'undefined',
      'undefined',
      'image/png',
      'application/x-www-form-urlencoded;charset=UTF-8',
    ])
    assert.match(sent[4]!, /^multipart\/form-data; boundary=/)
    client.close()
  })

  test('has no body where HTTP has none', async (t) => {
    const router = await startFakeRouter(t, {
      onFrame(frame, connection) {
        if (frame.t === 'open')
          connection.send({ t: 'head', id: frame.id, status: Number(frame.path.slice(1)), body: 'x', end: true })
      },
    })
    const client = connect(router.url)
    for (const status of [204, 205, 304]) {
      const response = await client.fetch(`/${status}`)
      assert.equal(response.status, status)
      assert.equal(response.body, null)
    }
    assert.equal((await client.fetch('/200', { method: 'HEAD' })).body, null)
    client.close()
  })

  test('leaves a body that comes where HTTP has none', async (t) => {
    const { client, connection, begun: pending } = await beginOne(t, (client) => client.fetch('/'))
    connection.send({ t: 'head', id: 1, status: 205 }, { t: 'data', id: 1, body: 'x' })
    assert.equal((await pending).body, null)
    assert.equal((await connection.frame('reset')).code, 'client_gone')
    client.close()
  })

  test('grants the router no more than was read of a response', async (t) => {
    const { client, connection, begun: pending } = await beginOne(t, (client) => client.fetch('/'))
    const chunk = new Uint8Array(64 * 1024).fill(7)
    const data = { t: 'data', id: 1, body: chunk } as const
    connection.send({ t: 'head', id: 1, status: 200 }, data, data, data, data)
    const reader = (await pending).body!.getReader()
    // The first is half of a half: nothing is granted for it.
    await reader.read()
    assert.equal(connection.of('credit').length, 0)
    await reader.read()
    assert.equal((await connection.frame('credit')).to, WINDOW + 2 * chunk.length)
    await reader.read()
    await reader.read()
    assert.equal((await connection.frame('credit', 2)).to, WINDOW + 4 * chunk.length)
    connection.send({ t: 'end', id: 1 })
    assert.equal((await reader.read()).done, true)
    client.close()
  })

  test('fails a response of which there is more than was granted', async (t) => {
    const { client, connection, begun: pending } = await beginOne(t, (client) => client.fetch('/'))
    const data = { t: 'data', id: 1, body: new Uint8Array(64 * 1024) } as const
    connection.send({ t: 'head', id: 1, status: 200 }, data, data, data, data, { ...data, body: 'x' })
    const response = await pending
    assert.equal((await connection.frame('reset')).code, 'protocol_error')
    await assert.rejects(response.text(), { name: 'RouterError', code: 'protocol_error' })
    client.close()
  })

  test('sends a body of any length as it is granted', async (t) => {
    const router = await startFakeRouter(t)
    const client = connect(router.url)
    const body = new Uint8Array(WINDOW + 100_000).map((_, index) => index % 251)
    const pending = client.fetch('/', { method: 'POST', body })
    const connection = await router.connection()
    assert.equal((await connection.frame('open')).more, true)
    await connection.frame('data', 4)
    assert.equal(connection.of('end').length, 0)
    connection.send({ t: 'credit', id: 1, to: WINDOW + 50_000 })
    // A piece goes whole or not at all, so that less credit than a piece changes nothing.
    connection.send({ t: 'credit', id: 1, to: 2 * WINDOW })
    await connection.frame('end')
    const sent = Buffer.concat(connection.of('data').map((frame) => frame.body as Uint8Array))
    assert.ok(sent.equals(body))
    connection.send({ t: 'head', id: 1, status: 204, end: true })
    assert.equal((await pending).status, 204)
    client.close()
  })

  test('streams a body, and stops reading its source when the response is over', async (t) => {
    const router = await startFakeRouter(t)
    const client = connect(router.url)
    let cancelled = false
    let pulled = 0
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled++
        if (pulled <= 2) controller.enqueue(Uint8Array.of(pulled))
        // And then nothing more, for ever.
      },
      cancel() {
        cancelled = true
      },
    })
    const pending = client.fetch('/', { method: 'PUT', body })
    const connection = await router.connection()
    assert.deepEqual((await connection.frame('data', 2)).body, Uint8Array.of(2))
    connection.send({ t: 'head', id: 1, status: 413, end: true })
    assert.equal((await pending).status, 413)
    await eventually('the source is cancelled', () => cancelled)
    client.close()
  })

  test('fails with the error of a body that fails, and tells the router', async (t) => {
    const router = await startFakeRouter(t)
    const client = connect(router.url)
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.error(new Error('the disk is gone'))
      },
    })
    await assert.rejects(client.fetch('/', { method: 'PUT', body }), /the disk is gone/)
    await (await router.connection()).frame('reset')
    client.close()
  })

  test('tells errors of the router as they are', async (t) => {
    const { client, connection, begun: pending } = await beginOne(t, (client) => client.fetch('/nowhere'))
    connection.send({ t: 'reset', id: 1, code: 'no_route', status: 404, retryable: false, detail: 'No route' })
    await assert.rejects(pending, (error) => {
      assert.ok(error instanceof RouterError)
      assert.deepEqual([error.code, error.status, error.retryable, error.message], ['no_route', 404, false, 'No route'])
      return true
    })
    client.close()
  })

  test('cuts a response that is reset within its body', async (t) => {
    const { client, connection, begun: pending } = await beginOne(t, (client) => client.fetch('/'))
    connection.send(
      { t: 'head', id: 1, status: 200 },
      { t: 'data', id: 1, body: 'half' },
      { t: 'reset', id: 1, code: 'backend_lost', status: 502 },
    )
    await assert.rejects((await pending).text(), { code: 'backend_lost' })
    client.close()
  })

  test('refuses a response whose headers cannot be', async (t) => {
    const { client, connection, begun: pending } = await beginOne(t, (client) => client.fetch('/'))
    connection.send({ t: 'head', id: 1, status: 200, headers: { 'bad name': 'x' } })
    await assert.rejects(pending, { code: 'protocol_error' })
    await connection.frame('reset')
    client.close()
  })

  test('ends with the reason of its signal: before, during and after the head', async (t) => {
    const router = await startFakeRouter(t)
    const client = connect(router.url)
    const before = { signal: AbortSignal.abort(new Error('before')) }
    await assert.rejects(client.fetch('/', before), /before/)
    assert.equal(router.connections.length, 0)

    const during = new AbortController()
    const pending = client.fetch('/', { signal: during.signal })
    const connection = await router.connection()
    await connection.frame('open')
    during.abort(new Error('during'))
    await assert.rejects(pending, /during/)
    assert.deepEqual(await connection.frame('reset'), {
      t: 'reset',
      id: 1,
      code: 'client_gone',
      status: undefined,
      retryable: undefined,
      detail: undefined,
    })

    const after = new AbortController()
    const second = client.fetch('/', { signal: after.signal })
    await connection.frame('open', 2)
    connection.send({ t: 'head', id: 2, status: 200 }, { t: 'data', id: 2, body: 'a' })
    const reader = (await second).body!.getReader()
    await reader.read()
    await assert.rejects(client.fetch('/', before), /before/)
    after.abort(new Error('after'))
    await assert.rejects(reader.read(), /after/)
    assert.equal((await connection.frame('reset', 2)).id, 2)
    assert.equal(connection.of('open').length, 2)
    client.close()
  })

  test('tells the router when the reader of a body leaves', async (t) => {
    const { client, connection, begun: pending } = await beginOne(t, (client) => client.fetch('/'))
    connection.send({ t: 'head', id: 1, status: 200 })
    await (await pending).body!.cancel()
    assert.equal((await connection.frame('reset')).code, 'client_gone')
    client.close()
  })

  test('holds its deadline until the head, and says what is left of it', async (t) => {
    const router = await startFakeRouter(t)
    const clock = new ManualClock()
    const client = connect(router.url, { clock, random })
    const pending = client.fetch('/', { deadline: 5000 })
    const connection = await router.connection()
    assert.equal((await connection.frame('open')).deadline, 5000)
    clock.advance(1000)
    connection.send({ t: 'reset', id: 1, code: 'busy', status: 503, retryable: true })
    await eventually('it waits to retry', () => clock.pending === 3)
    clock.advance(1)
    assert.equal((await connection.frame('open', 2)).deadline, 3999)
    clock.advance(3999)
    await assert.rejects(pending, { name: 'RouterError', code: 'timeout', status: 504 })
    assert.equal((await connection.frame('reset')).id, 2)

    const slow = client.fetch('/', { deadline: 5000 })
    await connection.frame('open', 3)
    connection.send({ t: 'head', id: 3, status: 200 })
    const response = await slow
    clock.advance(6000)
    connection.send({ t: 'data', id: 3, body: 'late', end: true })
    assert.equal(await response.text(), 'late')
    client.close()
    assert.equal(clock.pending, 0)
  })

  test('refuses what is no path, and headers that no frame can hold', async (t) => {
    const router = await startFakeRouter(t)
    const client = connect(router.url)
    await assert.rejects(client.fetch('orders'), TypeError)
    await assert.rejects(client.fetch('/a#b'), TypeError)
    for (const deadline of [-1, Number.NaN, Infinity, 2 ** 31])
      await assert.rejects(client.fetch('/', { deadline }), /a deadline is/)
    assert.equal(router.connections.length, 0)
    for (const [path, a] of [
      ['/', 'x'.repeat(62_000)],
      ['/', '"'.repeat(31_000)],
      [`/${'x'.repeat(62_000)}`, ''],
    ] as const)
      await assert.rejects(client.fetch(path, { headers: { a } }), { code: 'headers_too_large', status: 431 })
    client.close()
  })
})
