import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { freePort } from '../support/free-port.ts'
import { natsUrl } from '../support/nats.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { startRouter } from './router-process.ts'

test('a router that crashed with clients connected can listen again on its port at once', async (t) => {
  const database = await createTestDatabase({ migrated: true })
  t.after(() => database.drop())
  const settings = { natsUrl: await natsUrl(), databaseUrl: database.url, httpPort: await freePort() }
  const crashed = await startRouter(t, settings)
  // It does not close its side: the system keeps the router's end of the connection for a minute.
  const client = connect({ port: settings.httpPort, host: '127.0.0.1', allowHalfOpen: true })
  t.after(() => client.destroy())
  client.write('GET /nothing HTTP/1.1\r\nhost: crash\r\n\r\n')
  await once(client, 'data')
  crashed.signal('SIGKILL')
  await crashed.exitCode
  const next = await startRouter(t, settings)
  await next.ready()
  assert.equal((await fetch(`${next.url}/nothing`)).status, 404)
})
