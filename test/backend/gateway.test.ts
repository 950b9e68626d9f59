import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { startService } from './start-service.ts'

describe('a fetch handler behind the router', () => {
  test('serves HTTP: bodies both ways, a thrown error, a client that leaves', async (t) => {
    const { service, prefix, errors } = await startService(t)
    const gateway = await startGateway({
      natsUrl: await natsUrl(),
      routes: [
        { name: 'any', match: { path: '/{rest...}' }, subject: `${prefix}.{rest}`, body: 'stream', reply: 'single' },
      ],
    })
    t.after(() => gateway.close())
    let signal: AbortSignal | undefined
    service.fetch(`${prefix}.>`, async (request) => {
      switch (new URL(request.url).pathname) {
        case '/echo':
          return new Response(request.body, { headers: { 'content-type': 'text/x-echo' } })
        case '/json':
          return Response.json({ url: request.url, id: request.headers.get('x-id') }, { status: 201 })
        case '/events':
          signal = request.signal
          return new Response(new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from('first')) }))
        default:
          throw new Error('a secret')
      }
    })
    await service.flush()

    const json = await fetch(`${gateway.url}/json?a=b%20c`, { headers: { 'x-id': '7' } })
    assert.equal(json.status, 201)
    assert.deepEqual(await json.json(), { url: 'http://127.0.0.1/json?a=b%20c', id: '7' })

    const body = Buffer.alloc(3 * 1024 * 1024, 'engine')
    const echo = await fetch(`${gateway.url}/echo`, { method: 'POST', body })
    assert.equal(echo.headers.get('content-type'), 'text/x-echo')
    assert.ok(body.equals(Buffer.from(await echo.arrayBuffer())))

    const failed = await fetch(`${gateway.url}/fails`)
    assert.equal(failed.status, 500)
    assert.doesNotMatch(await failed.text(), /secret/)
    assert.equal(errors.length, 1)

    const client = new AbortController()
    const events = await fetch(`${gateway.url}/events`, { signal: client.signal })
    const first = await events.body!.getReader().read()
    assert.equal(Buffer.from(first.value!).toString(), 'first')
    client.abort()
    await eventually('the handler hears of it', () => signal?.aborted)

    await gateway.assertIdle()
    await eventually('nothing is left', () => service.size === 0)
  })

  test('sends one event for each message, however long', async (t) => {
    const { service, prefix } = await startService(t)
    const gateway = await startGateway({
      natsUrl: await natsUrl(),
      routes: [{ name: 'events', match: { path: '/{rest...}' }, subject: `${prefix}.{rest}`, reply: 'many' }],
    })
    t.after(() => gateway.close())
    const long = 'x'.repeat(200_000)
    service.exchange(`${prefix}.exchange`, async (x) => {
      await x.send(long)
      await x.send('short')
    })
    service.fetch(`${prefix}.fetch`, () => {
      const chunks = [long, 'short'].map((text) => Buffer.from(text))
      return new Response(ReadableStream.from(chunks))
    })
    await service.flush()
    for (const path of ['exchange', 'fetch']) {
      const response = await fetch(`${gateway.url}/${path}`, { headers: { accept: 'text/event-stream' } })
      const events = (await response.text()).split('\n\n').filter((event) => event.startsWith('data: '))
      assert.deepEqual(
        events.map(({ length }) => length - 'data: '.length),
        [200_000, 5],
        path,
      )
    }
  })
})
