import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../../support/eventually.ts'
import { startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { openRaw } from '../../support/raw-http.ts'

test('takes as many connections as it may, closes one more, and takes the next when one has gone', async () => {
  const gateway = await startGateway({ natsUrl: await natsUrl(), routes: [], maxConnections: 2 })
  try {
    const ask = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
    const [first, second] = [await openRaw(gateway.port), await openRaw(gateway.port)]
    for (const raw of [first, second]) {
      raw.write(ask)
      await raw.until(/no_route/)
    }
    const third = await openRaw(gateway.port)
    assert.equal(await third.closed(), '')
    assert.equal(gateway.http.refusedConnections, 1)
    first.destroy()
    await eventually('the first has gone', () => gateway.http.connections === 1)
    const fourth = await openRaw(gateway.port)
    fourth.write(ask)
    await fourth.until(/no_route/)
    second.destroy()
    fourth.destroy()
  } finally {
    await gateway.close()
  }
})
