import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NatsLink } from '../../src/nats/connection.ts'
import { eventually } from '../support/eventually.ts'
import { natsUrl, startNats } from '../support/nats.ts'
import { silentLogger } from '../support/silent-logger.ts'

test('a link that is closed while it connects ends', { timeout: 10_000 }, async () => {
  const link = new NatsLink({ servers: [await natsUrl()], name: 'test', logger: silentLogger })
  link.start()
  await link.close()
  assert.equal(link.connected, false)
})

test('a link that is refused says so, and nothing of a server that is away', async (t) => {
  const nats = await startNats({ args: ['--user', 'me', '--pass', 'right'] })
  t.after(() => nats.stop())
  const said: string[] = []
  const error = (_fields: object, message: string) => void said.push(message)
  const servers = [`nats://me:s3cret@127.0.0.1:${nats.port}`]
  const link = new NatsLink({ servers, name: 'test', logger: { ...silentLogger, error } })
  t.after(() => link.close())
  link.start()
  await eventually('it is refused', () => said.length > 0)
  assert.match(said[0]!, /^no connection with NATS, .*: the server refuses our credentials .*NATS_URL or nats\.servers/)
  assert.doesNotMatch(said[0]!, /s3cret|reachable/)
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
