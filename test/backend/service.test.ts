import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { connect, createInbox, headers } from 'nats'
import { serve } from '../../src/backend/index.ts'
import { eventually } from '../support/eventually.ts'
import { natsUrl, startNats } from '../support/nats.ts'
import { openExchange } from '../support/sx-router.ts'
import { startService } from './start-service.ts'

describe('a service', () => {
  test('is a NATS micro service that says that it speaks SX/1', async (t) => {
    const name = `micro-${process.pid}`
    const { service, router, prefix } = await startService(t, { name })
    service.fetch(`${prefix}.*.create`, () => new Response('ok'))
    await service.flush()
    await openExchange(router, `${prefix}.eu.create`).whole()
    const info = (await router.request(`$SRV.INFO.${name}`)).json<{ endpoints: unknown[] }>()
    assert.deepEqual(info.endpoints, [
      {
        name: `${prefix}-any-create`,
        subject: `${prefix}.*.create`,
        queue_group: 'q',
        metadata: { sx: '1' },
      },
    ])
    assert.equal((await router.request(`$SRV.PING.${name}`)).json<{ name: string }>().name, name)
    const stats = (await router.request(`$SRV.STATS.${name}`)).json<{ endpoints: { num_requests: number }[] }>()
    assert.equal(stats.endpoints[0]?.num_requests, 1)
  })

  test('refuses more than it may do at once before any work', async (t) => {
    const { service, router, prefix, errors } = await startService(t, { maxConcurrent: 1 })
    const gate = Promise.withResolvers<void>()
    let calls = 0
    service.fetch(prefix, async () => {
      calls++
      await gate.promise
      return new Response('done')
    })
    await service.flush()
    const first = openExchange(router, prefix)
    await first.until(() => first.stream !== undefined)
    const second = openExchange(router, prefix)
    assert.equal((await second.failed()).code, 'busy')
    assert.deepEqual(
      second.frames.map(({ type }) => type),
      ['reset'],
    )
    assert.equal((await router.request(prefix)).headers?.get('Sx-Status'), '503')
    assert.deepEqual(errors.map(String), [
      'ExchangeError: an exchange was refused: maxConcurrent is 1, and as many run',
    ])
    gate.resolve()
    await first.whole()
    assert.equal(calls, 1)
  })

  test('drains: takes nothing new, finishes what runs, leaves no interest', async (t) => {
    const { service, router, prefix } = await startService(t)
    const gate = Promise.withResolvers<void>()
    service.fetch(prefix, async () => {
      await gate.promise
      return new Response('done')
    })
    await service.flush()
    const x = openExchange(router, prefix)
    await x.until(() => x.stream !== undefined)
    const drained = service.drain()
    const late = openExchange(router, prefix)
    await eventually('the late one is refused', () => late.noResponders || late.error?.code === 'draining')
    gate.resolve()
    await x.whole()
    await drained
    assert.equal(x.text, 'done')
    assert.equal(service.size, 0)
    await assert.rejects(router.request(prefix), /503|no responders/i)
    assert.throws(() => service.fetch('other', () => new Response()), /draining/)
  })

  test('resets what still runs when the time to drain is over', async (t) => {
    const { service, router, prefix } = await startService(t)
    let signal: AbortSignal | undefined
    service.exchange(prefix, (x) => {
      signal = x.signal
      return new Promise(() => {})
    })
    await service.flush()
    const x = openExchange(router, prefix, { more: true })
    await x.until(() => x.stream !== undefined)
    await service.drain(50)
    assert.equal((await x.failed()).code, 'draining')
    assert.equal(signal?.aborted, true)
    assert.equal(service.size, 0)
  })

  test('leaves a connection that it was given open, without a subscription of its own', async (t) => {
    const nats = await connect({ servers: await natsUrl() })
    t.after(() => nats.close())
    const service = await serve({ nats, name: 'given', version: '1.0.0' })
    service.fetch(`given-${process.pid}`, () => new Response())
    await service.drain()
    assert.equal(nats.isClosed(), false)
    await nats.flush()
    const { subscriptions } = (nats as unknown as { protocol: { subscriptions: { subs: Map<number, unknown> } } })
      .protocol
    assert.equal(subscriptions.subs.size, 0)
  })

  test('tells a router that asks after an exchange which it does not know', async (t) => {
    const { service, router, prefix } = await startService(t)
    service.fetch(prefix, () => new Response('ok'))
    await service.flush()
    const inbox = createInbox()
    const answers: string[] = []
    router.subscribe(inbox, {
      callback: (_error, message) => {
        const sx = message.headers?.get('Sx') ?? ''
        answers.push(`${sx} ${message.headers?.get('Sx-Code')}`)
        if (!sx.startsWith('head')) return
        const ping = headers()
        ping.set('Sx', 'ping 0')
        message.respond('', { headers: ping, reply: inbox })
      },
    })
    const open = headers()
    open.set('Sx', 'open 1')
    open.set('Sx-Credit', '1000')
    router.publish(prefix, '', { headers: open, reply: inbox })
    await eventually('it answers', () => answers.includes('reset - backend_lost'))
  })

  test('goes on with its streams after NATS was away', async (t) => {
    let server = await startNats()
    const { port } = server
    t.after(() => server.stop())
    const options = { servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 }
    const service = await serve({ nats: options, name: 'away', version: '1.0.0' })
    const router = await connect(options)
    t.after(async () => {
      await service.drain(0)
      await router.close()
    })
    service.exchange('away', async (x) => {
      for await (const message of x) await x.send(message)
    })
    await service.flush()
    const x = openExchange(router, 'away', { more: true })
    await x.send('one')
    await x.until(() => x.text === 'one')
    await server.kill()
    server = await startNats({ port })
    await eventually('the backend asks', () => x.frames.some(({ type }) => type === 'ping'))
    await x.send('two')
    await x.end()
    await x.whole()
    assert.equal(x.text, 'onetwo')
  })

  test('drains in time where NATS is away', async (t) => {
    const server = await startNats()
    t.after(() => server.stop())
    const nats = { servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 }
    const service = await serve({ nats, name: 'away', version: '1.0.0' })
    service.fetch('away', () => new Response())
    await service.flush()
    await server.kill()
    const startedMs = performance.now()
    await service.drain(100)
    assert.ok(performance.now() - startedMs < 3000)
  })

  test('stops its handlers when the connection that it was given is drained', async (t) => {
    const nats = await connect({ servers: await natsUrl() })
    const router = await connect({ servers: await natsUrl() })
    t.after(() => router.close())
    const errors: unknown[] = []
    const service = await serve({ nats, name: 'given', version: '1.0.0', onError: (error) => errors.push(error) })
    const subject = `given-drained-${process.pid}`
    let signal: AbortSignal | undefined
    service.exchange(subject, async (x) => {
      signal = x.signal
      while (!x.signal.aborted) {
        await x.send('tick')
        await new Promise(setImmediate)
      }
    })
    await service.flush()
    const x = openExchange(router, subject)
    await x.until(() => x.messages.length > 0)
    await nats.drain()
    await eventually('the handler hears of it', () => signal?.aborted && service.size === 0)
    await service.drain()
  })
})
