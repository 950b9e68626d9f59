import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { connect } from 'nats'
import { type BackendExchange, serve } from '../../src/backend/index.ts'
import { ExchangeError } from '../../src/exchange/errors.ts'
import { eventually } from '../support/eventually.ts'
import { natsUrl, startNats } from '../support/nats.ts'
import { openExchange } from '../support/sx-router.ts'
import { startService } from './start-service.ts'

describe('an exchange handler', () => {
  test('talks both ways at once and ends when it returns', async (t) => {
    const { service, router, prefix } = await startService(t)
    service.exchange(`${prefix}.*`, async (x) => {
      for await (const message of x) await x.send(message)
    })
    await service.flush()
    const x = openExchange(router, `${prefix}.7`, { kind: 'ws', more: true })
    await x.send('one', { type: 'text' })
    await x.until(() => x.messages.length === 1)
    await x.send(Buffer.from([1, 2]), { type: 'binary' })
    await x.until(() => x.messages.length === 2)
    await x.end()
    await x.whole()
    assert.deepEqual(
      x.messages.map(({ data, meta }) => [data.toString('latin1'), meta?.type]),
      [
        ['one', 'text'],
        ['\x01\x02', 'binary'],
      ],
    )
    assert.equal(x.status, 200)
    await eventually('nothing is left', () => service.size === 0)
  })

  test('puts the parts of one message together, and refuses one without an end', async (t) => {
    const { service, router, prefix } = await startService(t, { maxMessageBytes: 100 })
    const lengths: number[] = []
    service.exchange(prefix, async (x) => {
      for await (const { data } of x) lengths.push(data.length)
    })
    await service.flush()
    const x = openExchange(router, prefix, { kind: 'ws', more: true })
    await x.send(Buffer.alloc(30), { type: 'binary', fin: false })
    await x.send(Buffer.alloc(40), { type: 'binary' })
    await eventually('it came', () => lengths.length === 1)
    assert.deepEqual(lengths, [70])
    await x.send(Buffer.alloc(60), { type: 'binary', fin: false })
    await x.send(Buffer.alloc(60), { type: 'binary', fin: false }).catch(() => undefined)
    assert.equal((await x.failed()).code, 'too_large')
  })

  test('is not kept waiting for room by a `send` that its own end has overtaken', async (t) => {
    const { service, router, prefix } = await startService(t)
    service.exchange(prefix, async (x) => {
      const sent = x.send(Buffer.alloc(300 * 1024))
      x.end()
      await sent
    })
    await service.flush()
    const x = openExchange(router, prefix, { windowBytes: 64 * 1024 })
    await x.whole()
    assert.equal(x.text.length, 300 * 1024)
    await eventually('nothing is left', () => service.size === 0)
  })

  test('sends its own head, and marks text and bytes for a WebSocket', async (t) => {
    const { service, router, prefix } = await startService(t)
    service.exchange(prefix, async (x) => {
      x.head({ status: 201, headers: { 'x-a': 'b' } })
      await x.send('text')
      await x.send(new Uint8Array([1]))
      await x.send('event', { event: 'tick', id: '3' })
    })
    await service.flush()
    const x = openExchange(router, prefix, { kind: 'ws' })
    await x.whole()
    assert.equal(x.status, 201)
    assert.equal(x.header('x-a'), 'b')
    assert.deepEqual(
      x.messages.map(({ meta }) => meta),
      [{ type: 'text' }, { type: 'binary' }, { type: 'text', event: 'tick', id: '3' }],
    )
  })

  test('is told that the id of an event is too long', async (t) => {
    const { service, router, prefix } = await startService(t)
    service.exchange(prefix, async (x) => {
      await x.send('a', { id: 'x'.repeat(400) })
      await assert.rejects(x.send('b', { id: 'x'.repeat(401) }), /up to 400 characters/)
      await assert.rejects(x.send('c', { event: 'é'.repeat(100) }), /up to 400 characters/)
      await x.send('d')
    })
    await service.flush()
    const x = openExchange(router, prefix)
    await x.whole()
    assert.equal(x.text, 'ad')
  })

  test('that throws resets the exchange', async (t) => {
    const { service, router, prefix, errors } = await startService(t)
    service.exchange(prefix, () => {
      throw new Error('a secret')
    })
    await service.flush()
    const error = await openExchange(router, prefix).failed()
    assert.equal(error.code, 'backend_error')
    assert.doesNotMatch(error.message, /secret/)
    assert.equal(errors.length, 1)
  })

  test('resets with a code and a reason of its own', async (t) => {
    const { service, router, prefix } = await startService(t)
    service.exchange(prefix, (x) => x.reset('forbidden', 'not yours'))
    await service.flush()
    const error = await openExchange(router, prefix).failed()
    assert.equal(error.code, 'forbidden')
    assert.equal(error.detail, 'not yours')
  })

  test('resets with what fits of its reason, whatever it has to say and however little NATS takes', async (t) => {
    const file = join(await mkdtemp(join(tmpdir(), 'engine-router-reason-')), 'nats.conf')
    await writeFile(file, 'max_payload: 8192\n')
    const server = await startNats({ args: ['-c', file] })
    const service = await serve({ nats: { servers: server.url }, name: 'reason', version: '1.0.0' })
    const router = await connect({ servers: server.url })
    t.after(async () => {
      await service.drain(0)
      await router.close()
      await server.stop()
      await rm(dirname(file), { recursive: true })
    })
    const reason = '\u20ac'.repeat(10_000)
    service.exchange('reason', (x) => x.reset('forbidden', reason))
    await service.flush()
    const error = await openExchange(router, 'reason').failed()
    assert.equal(error.code, 'forbidden')
    assert.equal(decodeURIComponent(error.detail!), reason.slice(0, 341))
    const plain = await router.request('reason')
    assert.equal(plain.headers?.get('Sx-Status'), '403')
    assert.equal(plain.string(), reason.slice(0, 341))
  })

  test('marks the parts of a message without a label too', async (t) => {
    const { service, router, prefix } = await startService(t)
    const long = 'x'.repeat(100_000)
    service.exchange(prefix, async (x) => {
      await x.send(long)
      await x.send('y')
    })
    service.fetch(`${prefix}.fetch`, () => new Response(long))
    await service.flush()
    for (const subject of [prefix, `${prefix}.fetch`]) {
      const x = openExchange(router, subject)
      await x.whole()
      const sizes = [0]
      for (const { data, meta } of x.messages) {
        sizes.push(sizes.pop()! + data.length)
        if (meta?.fin !== false) sizes.push(0)
      }
      assert.deepEqual(sizes, subject === prefix ? [100_000, 1, 0] : [100_000, 0])
      assert.ok(x.messages.length > 3)
    }
  })

  test('hears in every wait that the client has left, and may ignore its sends', async (t) => {
    const { service, router, prefix, errors } = await startService(t)
    const heard: string[] = []
    let exchange: BackendExchange | undefined
    service.exchange(prefix, async (x) => {
      exchange = x
      x.signal.addEventListener('abort', () => heard.push('signal'))
      await assert.rejects(x[Symbol.asyncIterator]().next(), ExchangeError)
      heard.push('read')
      await assert.rejects(x.send('late'), ExchangeError)
      heard.push('send')
      void x.send('not awaited')
    })
    await service.flush()
    const x = openExchange(router, prefix, { more: true })
    await x.until(() => x.stream !== undefined && exchange !== undefined)
    x.reset(new ExchangeError('client_gone', 'left'))
    await eventually('nothing is left', () => exchange !== undefined && service.size === 0)
    assert.deepEqual(heard, ['signal', 'read', 'send'])
    assert.deepEqual(errors, [])
  })

  test('hears by the 503 that the router is gone', async (t) => {
    const { service, prefix } = await startService(t)
    const router = await connect({ servers: await natsUrl() })
    let signal: AbortSignal | undefined
    let send: (() => Promise<void>) | undefined
    service.exchange(prefix, async (x) => {
      signal = x.signal
      send = () => x.send('is anybody there?')
      await new Promise((resolve) => x.signal.addEventListener('abort', resolve))
    })
    await service.flush()
    const x = openExchange(router, prefix, { more: true })
    await x.until(() => x.stream !== undefined)
    await x.vanish()
    // The server may not have heard yet that the router is gone, and only every 16th frame asks for a 503.
    await eventually('the signal', async () => {
      for (let frame = 0; frame < 16 && signal?.aborted === false; frame++) await send!()
      return signal?.aborted
    })
    await eventually('nothing is left', () => service.size === 0)
  })

  test('that does not read what the client sends does not keep it from its end', async (t) => {
    const { service, router, prefix } = await startService(t)
    service.exchange(prefix, (x) => void x.send('enough'))
    await service.flush()
    const x = openExchange(router, prefix, { more: true })
    for (let i = 0; i < 20; i++) await x.send(Buffer.alloc(64 * 1024))
    await x.end()
    await x.whole()
    await eventually('nothing is left', () => service.size === 0)
  })

  test('answers a plain NATS request with all that it sent', async (t) => {
    const { service, router, prefix } = await startService(t)
    service.exchange(prefix, async (x) => {
      for await (const { data } of x) {
        await x.send(data)
        await x.send('!')
      }
    })
    await service.flush()
    assert.equal((await router.request(prefix, 'hi')).string(), 'hi!')
  })

  test('is reset where its head is more than a message may have, and takes nobody with it', async (t) => {
    const { service, router, prefix } = await startService(t, { onError: () => {} })
    service.exchange(prefix, (x) => x.head({ headers: { a: 'a'.repeat(2 ** 20) } }))
    await service.flush()
    const x = openExchange(router, prefix, {})
    await x.until(() => x.error !== undefined)
    assert.equal(x.error?.code, 'internal')
    await eventually('nothing is left', () => service.size === 0)
  })

  test('answers a plain NATS request with what a buffer held when it was sent', async (t) => {
    const { service, router, prefix } = await startService(t)
    service.exchange(prefix, async (x) => {
      const buffer = Buffer.alloc(1)
      for (const letter of 'abc') {
        buffer.write(letter)
        await x.send(buffer)
      }
    })
    await service.flush()
    assert.equal((await router.request(prefix, 'hi')).string(), 'abc')
  })

  test('is reset by a plain reply that gets too long, wherever it sends from', async (t) => {
    const { service, router, errors, prefix } = await startService(t)
    const reset = Promise.withResolvers<unknown>()
    service.exchange(prefix, async (x) => {
      const timer = setInterval(() => x.send(Buffer.alloc(500_000)), 1)
      await once(x.signal, 'abort')
      clearInterval(timer)
      reset.resolve(await x.send('late').catch(({ code }) => code))
    })
    await service.flush()
    const reply = await router.request(prefix)
    assert.equal(reply.headers?.get('Sx-Status'), '500')
    assert.equal(reply.string(), 'The content is too large')
    assert.equal(await reset.promise, 'too_large')
    assert.match(String(errors), /^ExchangeError: a plain reply is one message, of 1048576 bytes with its headers$/)
    await eventually('nothing is left', () => service.size === 0)
  })

  test('hears at the `send` that is too much for a plain reply that it was', async (t) => {
    const { service, router, prefix } = await startService(t)
    const codes: unknown[] = []
    service.exchange(prefix, (x) => x.send(Buffer.alloc(2 ** 21)).catch(({ code }) => void codes.push(code)))
    await service.flush()
    assert.equal((await router.request(prefix)).headers?.get('Sx-Status'), '500')
    assert.deepEqual(codes, ['too_large'])
  })

  test('answers a plain NATS request with an error where its head is more than a message may have', async (t) => {
    const { service, router, errors, prefix } = await startService(t)
    const big = { a: 'a'.repeat(2 ** 20) }
    service.exchange(`${prefix}.head`, (x) => x.head({ headers: big }))
    service.exchange(`${prefix}.both`, async (x) => {
      x.head({ headers: { a: big.a.slice(100_000) } })
      await x.send(Buffer.alloc(100_000))
    })
    service.exchange(`${prefix}.later`, async (x) => {
      setTimeout(() => {
        x.head({ headers: big })
        x.end()
      })
      await once(x.signal, 'abort')
    })
    // Of a body that may never come.
    service.fetch(`${prefix}.fetch`, () => new Response(new ReadableStream(), { headers: big }))
    await service.flush()
    for (const way of ['head', 'both', 'later', 'fetch']) {
      const reply = await router.request(`${prefix}.${way}`)
      assert.equal(reply.headers?.get('Sx-Status'), '500', way)
    }
    assert.equal(errors.length, 4)
    await eventually('nothing is left', () => service.size === 0)
  })

  test('answers a plain NATS request with as much as a message may have', async (t) => {
    const { service, router, prefix } = await startService(t)
    const bytes = router.info!.max_payload - 100
    service.exchange(prefix, (x) => x.send(Buffer.alloc(bytes)))
    await service.flush()
    assert.equal((await router.request(prefix)).data.length, bytes)
  })

  test('answers a plain NATS request with the status of the code that it resets with', async (t) => {
    const { service, router, prefix } = await startService(t)
    service.exchange(prefix, (x) => x.reset('too_large', 'no'))
    await service.flush()
    const reply = await router.request(prefix)
    assert.deepEqual([reply.headers?.get('Sx-Status'), reply.string()], ['413', 'no'])
  })
})
