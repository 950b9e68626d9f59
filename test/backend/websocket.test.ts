import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openSocket } from '../adapters/websocket/start-client.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { startService } from './start-service.ts'

test('an exchange handler is a WebSocket to its client: messages, and close codes both ways', async (t) => {
  const { service, prefix } = await startService(t)
  const seen: unknown[] = []
  service.exchange(`${prefix}.*`, async (x) => {
    for await (const { data, type } of x) {
      if (data.toString() === 'leave') return x.end({ closeCode: 4001 })
      await x.send(data, type === undefined ? {} : { type })
    }
    seen.push([x.kind, x.closeCode])
  })
  await service.flush()
  const gateway = await startGateway({
    natsUrl: await natsUrl(),
    routes: [{ name: 'term', match: { kind: 'ws', path: '/term/{id}' }, subject: `${prefix}.{id}` }],
  })
  t.after(() => gateway.close())

  const first = await openSocket(`${gateway.url}/term/1`)
  first.ws.send('text')
  first.ws.send(Buffer.alloc(300_000, 1))
  await first.messages(2)
  assert.deepEqual(
    first.received.map(({ data, isBinary }) => [data.length, isBinary]),
    [
      [4, false],
      [300_000, true],
    ],
  )
  first.ws.send(Buffer.from('leave'))
  assert.deepEqual(await first.closed(), { code: 4001, reason: '' })

  for (const code of [4002, undefined]) {
    const { ws } = await openSocket(`${gateway.url}/term/2`)
    ws.close(code)
  }
  await eventually('both ends', () => seen.length === 2)
  assert.deepEqual(seen, [
    ['ws', 4002],
    ['ws', undefined],
  ])
  await gateway.assertIdle()
  await eventually('nothing is left', () => service.size === 0)
})

test('a close code that no WebSocket can be closed with is an error of the handler', async (t) => {
  const { service, prefix, errors } = await startService(t)
  service.exchange(prefix, (x) => x.end({ closeCode: 1005 }))
  await service.flush()
  const gateway = await startGateway({
    natsUrl: await natsUrl(),
    routes: [{ name: 'term', match: { kind: 'ws', path: '/term' }, subject: prefix }],
  })
  t.after(() => gateway.close())
  const socket = await openSocket(`${gateway.url}/term`)
  assert.equal((await socket.closed()).code, 4502)
  assert.match(String(errors[0]), /RangeError: a WebSocket cannot be closed with 1005/)
})
