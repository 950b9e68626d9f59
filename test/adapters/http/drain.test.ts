import assert from 'node:assert/strict'
import { test } from 'node:test'
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
