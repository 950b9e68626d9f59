import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NatsLink } from '../../src/nats/connection.ts'
import { eventually } from '../support/eventually.ts'
import { natsUrl } from '../support/nats.ts'
import { silentLogger } from '../support/silent-logger.ts'

test('a link that is closed while it connects ends', { timeout: 10_000 }, async () => {
  const link = new NatsLink({ servers: [await natsUrl()], name: 'test', logger: silentLogger })
  link.start()
  await link.close()
  assert.equal(link.connected, false)
})

test('whoever listens to a link that is up hears so at once', async () => {
  const link = new NatsLink({ servers: [await natsUrl()], name: 'test', logger: silentLogger })
  try {
    link.start()
    await eventually('connected', () => link.connected)
    let heard = 0
    link.listen({ onConnected: () => heard++, onDisconnected() {} })
    assert.equal(heard, 1)
  } finally {
    await link.close()
  }
})
