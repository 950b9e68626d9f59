import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from 'nats'
import { natsUrl } from '../support/nats.ts'
import { startTestApp } from './start-test-app.ts'

const P = `t${process.pid}service`

test('a NATS micro service answers through the router, errors included', async (t) => {
  const nats = await connect({ servers: await natsUrl() })
  t.after(() => nats.close())
  const service = await nats.services.add({ name: 'orders', version: '1.2.3' })
  service.addEndpoint('orders', {
    subject: `${P}.*`,
    handler: (error, message) => {
      assert.equal(error, null)
      const id = message.subject.split('.').at(-1)
      if (id === 'found') message.respond(JSON.stringify({ id }))
      else if (id === 'taken') message.respondError(409, 'taken', Buffer.from('{"by":"another"}'))
      else message.respondError(404, 'no such order')
    },
  })
  await nats.flush()
  const { url } = await startTestApp(t, [{ name: 'orders', match: { path: '/orders/{id}' }, subject: `${P}.{id}` }])

  const found = await fetch(`${url}/orders/found`)
  assert.deepEqual([found.status, await found.json()], [200, { id: 'found' }])

  const missing = await fetch(`${url}/orders/missing`)
  assert.equal(missing.status, 404)
  assert.equal(missing.headers.get('content-type'), 'application/problem+json')
  assert.deepEqual(await missing.json(), {
    type: 'about:blank',
    status: 404,
    code: 'backend_error',
    title: 'The backend failed',
    detail: 'no such order',
    route: 'orders',
    requestId: missing.headers.get('x-request-id'),
  })

  const taken = await fetch(`${url}/orders/taken`)
  assert.deepEqual([taken.status, await taken.json()], [409, { by: 'another' }])

  // The service counts its errors itself, and the router is one of its clients like any other.
  const { num_requests, num_errors } = (await service.stats()).endpoints?.[0] ?? {}
  assert.deepEqual([num_requests, num_errors], [3, 0])
})
