import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ExchangeError } from '../../src/exchange/errors.ts'
import { eventually } from '../support/eventually.ts'
import { openExchange } from '../support/sx-router.ts'
import { startService } from './start-service.ts'

describe('a fetch handler', () => {
  test("gets the client's request as Fetch shows it", async (t) => {
    const { service, router, prefix } = await startService(t)
    let seen: Request | undefined
    service.fetch(`${prefix}.*`, async (request) => {
      seen = request
      return new Response(await request.text(), { status: 201, headers: { 'x-made': 'yes' } })
    })
    await service.flush()
    const x = openExchange(router, `${prefix}.eu`, {
      path: '/orders/eu',
      query: 'q=1&r=%20',
      headers: ['x-one', 'a', 'cookie', 'b=c', 'te', 'trailers'],
      payload: 'hello',
    })
    await x.whole()
    assert.equal(seen?.url, 'http://api.example/orders/eu?q=1&r=%20')
    assert.equal(seen?.method, 'POST')
    assert.deepEqual(
      [...seen!.headers],
      [
        ['cookie', 'b=c'],
        ['x-one', 'a'],
      ],
    )
    assert.equal(x.status, 201)
    assert.equal(x.header('x-made'), 'yes')
    assert.equal(x.text, 'hello')
    assert.deepEqual(
      x.frames.map(({ type }) => type),
      ['head'],
    )
    await eventually('nothing is left', () => service.size === 0)
  })

  test('keeps cookies apart, and sends no body where there is none', async (t) => {
    const { service, router, prefix } = await startService(t)
    service.fetch(prefix, () => {
      const headers = new Headers()
      headers.append('set-cookie', 'a=1')
      headers.append('set-cookie', 'b=2')
      return new Response(null, { status: 204, headers })
    })
    await service.flush()
    const x = openExchange(router, prefix, { method: 'GET' })
    await x.whole()
    assert.equal(x.status, 204)
    assert.deepEqual(x.headers, ['set-cookie', 'a=1', 'set-cookie', 'b=2'])
    assert.equal(x.messages.length, 0)
  })

  test('answers HEAD without the body that it made', async (t) => {
    const { service, router, prefix } = await startService(t)
    service.fetch(prefix, () => new Response('body'))
    await service.flush()
    const x = openExchange(router, prefix, { method: 'HEAD' })
    await x.whole()
    assert.equal(x.status, 200)
    assert.equal(x.text, '')
  })

  test('echoes a body that streams, larger than all windows, chunk by chunk', async (t) => {
    const { service, router, prefix } = await startService(t)
    service.fetch(prefix, (request) => new Response(request.body))
    await service.flush()
    const x = openExchange(router, prefix, { more: true, payload: 'first' })
    await x.until(() => x.text === 'first')
    const chunk = Buffer.alloc(50_000, 'x')
    for (let i = 0; i < 40; i++) await x.send(chunk)
    await x.end()
    await x.whole()
    assert.equal(x.text.length, 5 + 40 * chunk.length)
  })

  test('makes no more of a response than a slow client takes', async (t) => {
    const { service, router, prefix } = await startService(t)
    const chunk = new Uint8Array(32 * 1024)
    let made = 0
    service.fetch(prefix, () => {
      const body = new ReadableStream({
        pull(controller) {
          if (made++ < 100) controller.enqueue(chunk)
          else controller.close()
        },
      })
      return new Response(body)
    })
    await service.flush()
    const x = openExchange(router, prefix, { method: 'GET', windowBytes: 128 * 1024 })
    x.pause()
    await x.until(() => x.arrivedBytes > 64 * 1024)
    await service.flush()
    await router.flush()
    assert.ok(made < 12, `${made} chunks were made`)
    x.resume()
    await x.whole()
    assert.equal(x.text.length, 100 * chunk.length)
  })

  test('does not read more of a request than its handler asks for', async (t) => {
    const { service, router, prefix } = await startService(t)
    const gate = Promise.withResolvers<void>()
    service.fetch(prefix, async (request) => {
      await gate.promise
      return new Response(String((await request.arrayBuffer()).byteLength))
    })
    await service.flush()
    const x = openExchange(router, prefix, { more: true })
    await x.until(() => x.stream !== undefined)
    let sent = 0
    const sending = (async () => {
      for (; sent < 20; sent++) await x.send(Buffer.alloc(64 * 1024))
      await x.end()
    })()
    await eventually('the sender is stopped', () => sent >= 3)
    await router.flush()
    await service.flush()
    assert.ok(sent < 6, `${sent} chunks were taken`)
    gate.resolve()
    await sending
    await x.whole()
    assert.equal(x.text, String(20 * 64 * 1024))
  })

  test('aborts the signal, and cancels the body, when the client leaves', async (t) => {
    const { service, router, prefix, errors } = await startService(t)
    let signal: AbortSignal | undefined
    let cancelled = false
    service.fetch(prefix, (request) => {
      signal = request.signal
      return new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(Buffer.from('event')),
          cancel() {
            cancelled = true
          },
        }),
      )
    })
    await service.flush()
    const x = openExchange(router, prefix, { method: 'GET' })
    await x.until(() => x.text === 'event')
    x.reset(new ExchangeError('client_gone', 'left'))
    await eventually('both know', () => signal?.aborted && cancelled)
    await eventually('nothing is left', () => service.size === 0)
    assert.deepEqual(errors, [])
  })

  test('that throws is a 500 which says nothing of it', async (t) => {
    const { service, router, prefix, errors } = await startService(t)
    service.fetch(prefix, () => {
      throw new Error('a secret')
    })
    await service.flush()
    const error = await openExchange(router, prefix).failed()
    assert.equal(error.status, 500)
    assert.doesNotMatch(error.message, /secret/)
    assert.match(String(errors[0]), /a secret/)
  })

  test('whose body fails half-way cuts the response', async (t) => {
    const { service, router, prefix, errors } = await startService(t)
    service.fetch(prefix, () => {
      let pulls = 0
      return new Response(
        new ReadableStream({
          pull(controller) {
            if (pulls++ === 0) controller.enqueue(Buffer.from('half'))
            else controller.error(new Error('disk'))
          },
        }),
      )
    })
    await service.flush()
    const x = openExchange(router, prefix, { method: 'GET' })
    assert.equal((await x.failed()).code, 'backend_error')
    assert.equal(x.ended, false)
    assert.match(String(errors[0]), /disk/)
  })

  test('answers a plain NATS request in one message', async (t) => {
    const { service, router, prefix } = await startService(t)
    service.fetch(`${prefix}.*`, async (request) => {
      const body = `${request.method} ${new URL(request.url).pathname} ${await request.text()}`
      return new Response(body, { status: 202, headers: { 'x-made': 'yes' } })
    })
    service.fetch(`${prefix}.fails.x`, () => Promise.reject(new Error('a secret')))
    await service.flush()
    const reply = await router.request(`${prefix}.a`, 'hi')
    assert.equal(reply.string(), `POST /${prefix}.a hi`)
    assert.equal(reply.headers?.get('Sx-Status'), '202')
    assert.equal(reply.headers?.get('x-made'), 'yes')
    const failed = await router.request(`${prefix}.fails.x`)
    assert.equal(failed.headers?.get('Sx-Status'), '500')
    assert.doesNotMatch(failed.string(), /secret/)
  })
})
