import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from 'nats'
import { eventually } from '../../support/eventually.ts'
import { startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { openRaw } from '../../support/raw-http.ts'

test('a drain waits until the last answer has left, though it was given inside a callback', async () => {
  const gateway = await startGateway({
    natsUrl: await natsUrl(),
    routes: [
      { name: 'small', match: { path: '/small' }, subject: `t${process.pid}drain`, limits: { bodyBytes: '10B' } },
    ],
  })
  try {
    const raw = await openRaw(gateway.port)
    raw.write('POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n')
    await eventually('the request', () => gateway.http.exchanges === 1)
    const drained = gateway.http.drain(5000)
    raw.write('6\r\nfghijk\r\n')
    await drained
    assert.match(await raw.closed(), /^HTTP\/1\.1 413 [\s\S]*"code":"too_large"/)
  } finally {
    await gateway.close()
  }
})

test('a drain tells each client of server-sent events another time to come back', async () => {
  const gateway = await startGateway({
    natsUrl: await natsUrl(),
    routes: [{ name: 'events', match: { path: '/events' }, subject: `t${process.pid}events`, reply: 'many' }],
  })
  const nats = await connect({ servers: await natsUrl() })
  try {
    nats.subscribe(`t${process.pid}events`, { callback: (_error, message) => void message.respond('first') })
    await nats.flush()
    const clients = await Promise.all(
      [1, 2, 3].map(async () => {
        const raw = await openRaw(gateway.port)
        raw.write('GET /events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n')
        await raw.until(/data: first/)
        return raw
      }),
    )
    void gateway.http.drain(5000)
    const texts = await Promise.all(clients.map((raw) => raw.until(/retry: \d+\n\n/)))
    assert.deepEqual(texts.map((text) => /retry: (\d+)/.exec(text)?.[1]).sort(), ['1000', '1010', '1020'])
  } finally {
    await nats.close()
    await gateway.close()
  }
})
