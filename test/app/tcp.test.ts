import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { describe, test } from 'node:test'
import { serve } from '../../src/backend/index.ts'
import { connectTcp } from '../adapters/tcp/tcp-client.ts'
import { query } from '../store/migrated-database.ts'
import { eventually } from '../support/eventually.ts'
import { natsUrl } from '../support/nats.ts'
import { startTestApp } from './start-test-app.ts'

describe('listen.tcp', () => {
  test('serves mux and raw connections beside HTTP, and counts them', async (t) => {
    const prefix = `apptcp${process.pid}`
    const router = await startTestApp(
      t,
      [
        { name: 'shell', match: { kind: 'tcp' }, subject: `${prefix}.shell` },
        { name: 'hello', match: { path: '/hello/{name}' }, subject: `${prefix}.hello.{name}` },
      ],
      [
        { host: '127.0.0.1', port: 0, protocol: 'mux' },
        { host: '127.0.0.1', port: 0, protocol: 'raw', route: 'shell', framing: 'line' },
      ],
    )
    const service = await serve({ nats: { servers: await natsUrl() }, name: 'tcp-test', version: '1.0.0' })
    t.after(() => service.drain())
    service.fetch(`${prefix}.hello.*`, (request) => new Response(`hello from ${new URL(request.url).pathname}`))
    service.exchange(`${prefix}.shell`, async (x) => {
      await x.send(`${x.request.kind} ${x.request.remote}`)
      for await (const { data, type } of x) {
        const text = Buffer.from(data).toString()
        // Longer than a frame of SX/1: it goes in parts, and is one line all the same.
        await x.send(text === 'long' ? 'x'.repeat(100_000) : `${type}: ${text}`)
      }
      await x.send('bye')
    })
    await service.flush()
    const [muxPort, rawPort] = router.app.tcpPorts

    const mux = connectTcp(t, muxPort!)
    mux.socket.end('{"t":"open","id":1,"path":"/hello/tcp"}\n')
    assert.equal(await mux.outcome, 'end')
    assert.match(mux.received().toString(), /"status":200.*"body":"hello from \/hello\/tcp"/)

    const raw = connectTcp(t, rawPort!)
    raw.socket.write('one\r\n')
    await eventually('the echo', () => raw.received().toString().includes('one'))
    const metrics = await (await fetch(`${router.adminUrl}/metrics`)).text()
    assert.match(metrics, /^engine_router_connections\{kind="tcp"\} 1$/m)
    raw.socket.end('long\ntwo')
    assert.equal(await raw.outcome, 'end')
    const lines = raw.received().toString().split('\n')
    assert.deepEqual(lines, ['tcp 127.0.0.1', 'text: one', 'x'.repeat(100_000), 'text: two', 'bye', ''])

    await router.idle()
    const counted = await (await fetch(`${router.adminUrl}/metrics`)).text()
    assert.match(counted, /^engine_router_exchanges_total\{route="shell",kind="tcp",code="ok"\} 1$/m)
    assert.match(counted, /^engine_router_exchanges_total\{route="hello",kind="tcp",code="ok"\} 1$/m)
  })

  test('says when the table is without the route of a raw listener, and when it is there again', async (t) => {
    const listener = { host: '127.0.0.1', port: 0, protocol: 'raw', route: 'shell' }
    const router = await startTestApp(t, [{ name: 'a', match: { path: '/a' }, subject: 'a' }], [listener])
    const said = () =>
      router.log().flatMap(({ level, msg, route }) => (/tcp route/.test(msg) ? [`${level} ${route}: ${msg}`] : []))
    const change = async (statement: string) => {
      const revision = router.app.gauges().tableRevision
      await query(router.databaseUrl, statement)
      await eventually('the change', () => router.app.gauges().tableRevision > revision)
    }
    const missing = 'warn shell: the table has no tcp route of the name that a listener has: its connections are reset'
    const back = 'info shell: the table has the tcp route of a listener again'
    assert.deepEqual(said(), [missing])
    await change(`insert into routes (name, path, subject) values ('shell', '/shell', 'b')`)
    assert.deepEqual(said(), [missing], 'a route of another kind is none, and it has been said')
    await change(`update routes set kind = 'tcp', path = null where name = 'shell'`)
    assert.deepEqual(said(), [missing, back])
    await change(`delete from routes where name = 'shell'`)
    assert.deepEqual(said(), [missing, back, missing])
  })

  test('is all or nothing: the router does not start when one of its ports is taken', async (t) => {
    const taken = createServer().listen(0, '127.0.0.1')
    t.after(() => void taken.close())
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const listeners = [
      { host: '127.0.0.1', port: 0, protocol: 'mux' as const },
      { host: '127.0.0.1', port, protocol: 'mux' as const },
    ]
    // That the process of this test ends shows that the first one is closed again.
    await assert.rejects(startTestApp(t, [], listeners), new RegExp(`cannot listen on 127.0.0.1:${port}`))
  })
})
