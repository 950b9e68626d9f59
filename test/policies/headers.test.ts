import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { connect, type Msg, type NatsConnection, headers as natsHeaders } from 'nats'
import { headers } from '../../src/policies/headers.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { testRequest } from '../support/test-request.ts'
import { stagePolicy } from './policy-stage.ts'

describe('headers policy', () => {
  let nats: NatsConnection
  let gateway: Gateway
  let request: Msg | undefined

  before(async () => {
    nats = await connect({ servers: await natsUrl() })
    nats.subscribe('policies.headers.whole', {
      callback(_, message) {
        request = message
        const headers = natsHeaders()
        headers.append('server', 'secret/1.0')
        headers.append('x-frame', 'backend')
        headers.append('vary', 'accept-encoding')
        message.respond('{}', { headers })
      },
    })
    await nats.flush()
    gateway = await startGateway({
      natsUrl: await natsUrl(),
      routes: [
        {
          name: 'whole',
          match: { path: '/whole' },
          subject: 'policies.headers.whole',
          policies: [
            {
              headers: {
                request: { set: { 'X-Edge': 'one' }, remove: ['Cookie'] },
                response: { set: { 'X-Frame': 'edge', Vary: 'origin' }, remove: ['Server'] },
              },
            },
          ],
        },
        {
          name: 'nobody',
          match: { path: '/nobody' },
          subject: 'policies.headers.nobody',
          policies: [{ headers: { response: { set: { 'x-frame': 'edge' } } } }],
        },
        {
          name: 'none-forwarded',
          match: { path: '/none' },
          subject: 'policies.headers.whole',
          forwardHeaders: 'none',
          policies: [{ headers: { request: { set: { 'x-edge': 'two' } } } }],
        },
      ],
    })
  })

  after(async () => {
    await gateway.close()
    await nats.close()
  })

  test('sets fields in place of the client’s, and removes others, on the way to the backend', async () => {
    const sent = { 'x-edge': 'forged', cookie: 'a=b', 'x-other': 'kept' }
    await fetch(`${gateway.url}/whole`, { headers: sent })
    assert.deepEqual(request?.headers?.values('x-edge'), ['one'])
    assert.deepEqual(request?.headers?.values('cookie'), [])
    assert.deepEqual(request?.headers?.values('x-other'), ['kept'])
  })

  test('sets fields in place of what another policy tells the backend', () => {
    const stage = stagePolicy(headers, { request: { set: { 'X-Tenant': 'default' } } })
    const request = testRequest()
    request.backendHeaders = ['x-tenant', 'acme', 'x-role', 'admin']
    stage.begin(request)
    assert.deepEqual(stage.reached[0]!.request.backendHeaders, ['x-role', 'admin', 'x-tenant', 'default'])
  })

  test('sets fields that a route does not forward', async () => {
    await fetch(`${gateway.url}/none`, { headers: { 'x-edge': 'forged' } })
    assert.deepEqual(request?.headers?.values('x-edge'), ['two'])
  })

  test('sets fields in place of the backend’s, and removes others, on the way to the client', async () => {
    const { headers } = await fetch(`${gateway.url}/whole`)
    assert.equal(headers.get('x-frame'), 'edge')
    assert.equal(headers.get('vary'), 'accept-encoding, origin')
    assert.equal(headers.get('server'), null)
  })

  test('sets fields of an error as well', async () => {
    const response = await fetch(`${gateway.url}/nobody`)
    assert.equal(response.status, 503)
    assert.equal(response.headers.get('x-frame'), 'edge')
  })
})
