import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { connect, type Msg, type NatsConnection, headers as natsHeaders } from 'nats'
import { cors } from '../../src/policies/cors.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { testRequest } from '../support/test-request.ts'
import { stagePolicy } from './policy-stage.ts'

const P = `t${process.pid}cors`
const APP = 'https://app.example.com'

describe('cors policy', () => {
  let nats: NatsConnection
  let gateway: Gateway
  const heard: string[] = []

  before(async () => {
    nats = await connect({ servers: await natsUrl() })
    const answer = (_: unknown, message: Msg) => {
      heard.push(message.headers?.get('Sx-Method') ?? '')
      const headers = natsHeaders()
      headers.append('access-control-allow-origin', '*')
      headers.append('access-control-allow-methods', 'TRACE')
      headers.append('vary', 'accept')
      headers.append('x-total', '3')
      message.respond('[]', { headers })
    }
    nats.subscribe(`${P}.items`, { callback: answer })
    await nats.flush()
    const policies = [
      { cors: { origins: [APP, 'https://*.example.org'], credentials: true, exposeHeaders: ['x-total'] } },
    ]
    const items = `${P}.items`
    gateway = await startGateway({
      natsUrl: await natsUrl(),
      routes: [
        { name: 'items', match: { path: '/items', methods: ['GET', 'PUT'] }, subject: items, policies },
        {
          name: 'all',
          match: { path: '/all' },
          subject: items,
          policies: [{ cors: { origins: ['*'], maxAge: '1h' } }],
        },
        { name: 'own', match: { path: '/own' }, subject: items },
        { name: 'closed', match: { path: '/closed' }, subject: items, policies: [...policies, { apiKey: {} }] },
        { name: 'nobody', match: { path: '/nobody' }, subject: `${P}.nobody`, policies },
        {
          name: 'gold',
          match: { path: '/tier', methods: ['GET'], headers: { 'x-tier': 'gold' } },
          subject: items,
          policies,
        },
        { name: 'tier', match: { path: '/tier', methods: ['GET'] }, subject: items },
      ],
    })
  })

  after(async () => {
    await gateway.close()
    await nats.close()
  })

  const ask = (path: string, origin: string, method: string, names?: string) =>
    fetch(`${gateway.url}${path}`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': method,
        ...(names !== undefined && { 'access-control-request-headers': names }),
      },
    })
  const corsFields = ({ headers }: Response) =>
    Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-') || name === 'vary'))

  test('answers a preflight for the route of the request that is to come, and NATS hears nothing', async () => {
    heard.length = 0
    const response = await ask('/items', APP, 'PUT', 'content-type,x-custom')
    assert.equal(response.status, 204)
    assert.deepEqual(corsFields(response), {
      vary: 'origin',
      'access-control-allow-origin': APP,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'PUT',
      'access-control-allow-headers': 'content-type,x-custom',
      'access-control-max-age': '600',
    })
    assert.deepEqual(heard, [])
    assert.deepEqual([gateway.ended.at(-1)?.route, gateway.ended.at(-1)?.code], ['items', 'ok'])
  })

  test('allows nothing to an origin that is not listed', async () => {
    for (const origin of [
      'https://evil.com',
      'null',
      'http://app.example.com',
      `${APP}.evil.com`,
      'https://example.org',
    ]) {
      const response = await ask('/items', origin, 'PUT')
      assert.equal(response.status, 204)
      assert.deepEqual(corsFields(response), { vary: 'origin' }, origin)
    }
  })

  test('allows subdomains of a wildcard, and nothing that only looks like one', async () => {
    const allowed = async (origin: string) =>
      (await ask('/items', origin, 'GET')).headers.get('access-control-allow-origin') === origin
    assert.equal(await allowed('https://a.example.org'), true)
    assert.equal(await allowed('https://a.b.example.org'), true)
    for (const origin of [
      'https://evil.com#.example.org',
      'https://evil.com/.example.org',
      'https://evil.com:1@a.example.org',
      'https://.example.org',
      'https://aexample.org',
      'https://a.example.org:444',
      'http://a.example.org',
    ]) {
      assert.equal(await allowed(origin), false, origin)
    }
  })

  test('lets all origins in without their credentials', async () => {
    const response = await ask('/all', 'https://anywhere.net', 'DELETE')
    assert.deepEqual(corsFields(response), {
      vary: 'origin',
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'DELETE',
      'access-control-max-age': '3600',
    })
  })

  test('OPTIONS that is no preflight goes its usual way', async () => {
    heard.length = 0
    const options = (path: string, headers: Record<string, string>) =>
      fetch(`${gateway.url}${path}`, { method: 'OPTIONS', headers })
    assert.equal((await options('/items', { origin: APP })).status, 405)
    assert.equal((await options('/items', { 'access-control-request-method': 'GET' })).status, 405)
    assert.equal((await options('/all', { origin: APP })).status, 200)
    assert.deepEqual(heard, ['OPTIONS'])
  })

  test('a preflight goes to the backend where the route has no cors, and nowhere where there is no route', async () => {
    heard.length = 0
    assert.equal((await ask('/own', APP, 'GET')).headers.get('access-control-allow-methods'), 'TRACE')
    assert.deepEqual(heard, ['OPTIONS'])
    assert.equal((await ask('/items', APP, 'DELETE')).status, 405)
    assert.equal((await ask('/nowhere', APP, 'GET')).status, 404)
  })

  test('takes a header that the page is going to send for one that may meet a condition', async () => {
    assert.equal((await ask('/tier', APP, 'GET', 'x-tier')).status, 204)
    assert.equal((await ask('/tier', APP, 'GET')).status, 405)
  })

  test('a response has its fields in place of the backend’s', async () => {
    const response = await fetch(`${gateway.url}/items`, { headers: { origin: APP } })
    assert.deepEqual(corsFields(response), {
      vary: 'accept, origin',
      'access-control-allow-origin': APP,
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'x-total',
    })
    assert.deepEqual(corsFields(await fetch(`${gateway.url}/items`)), { vary: 'accept, origin' })
    const other = await fetch(`${gateway.url}/items`, { headers: { origin: 'https://evil.com' } })
    assert.deepEqual([other.status, corsFields(other)], [200, { vary: 'accept, origin' }])
  })

  test('a route that authenticates answers a preflight, which has no credentials, and its refusal can be read', async () => {
    assert.equal(
      (await ask('/closed', APP, 'GET', 'x-api-key')).headers.get('access-control-allow-headers'),
      'x-api-key',
    )
    const refused = await fetch(`${gateway.url}/closed`, { headers: { origin: APP } })
    assert.equal(refused.status, 401)
    assert.equal(refused.headers.get('access-control-allow-origin'), APP)
  })

  test('an error has them too', async () => {
    const response = await fetch(`${gateway.url}/nobody`, { headers: { origin: APP } })
    assert.equal(response.status, 503)
    assert.equal(response.headers.get('access-control-allow-origin'), APP)
  })
})

describe('options of cors', () => {
  const isValid = (options: object) => cors.schema.safeParse(options).success

  test('take origins as browsers send them', () => {
    for (const origin of [
      '*',
      APP,
      'http://localhost:5173',
      'https://*.example.com',
      'http://[::1]:8080',
      'app://page',
    ]) {
      assert.equal(isValid({ origins: [origin] }), true, origin)
    }
    for (const origin of [
      '',
      'null',
      'app.example.com',
      `${APP}/`,
      `${APP}:443`,
      'https://*',
      'https://a.*.com',
      'HTTPS://A.B',
    ]) {
      assert.equal(isValid({ origins: [origin] }), false, origin)
    }
  })

  test('refuse credentials for all', () => {
    assert.equal(isValid({ origins: ['*'], credentials: true }), false)
    assert.equal(isValid({ origins: ['https://*.example.com'], credentials: true }), true)
  })

  test('limit methods and headers, and open a private network, where they say so', () => {
    const options = { origins: ['*'], methods: ['GET', 'PUT'], headers: ['x-a', 'x-b'], privateNetwork: true }
    const head = testRequest({ headers: ['origin', APP, 'access-control-request-private-network', 'true'] })
    stagePolicy(cors, options).policy.preflight!(head)
    const told = head.responseHeaders!
    const field = (name: string) => told[told.indexOf(name) + 1]
    assert.equal(field('access-control-allow-methods'), 'GET, PUT')
    assert.equal(field('access-control-allow-headers'), 'x-a, x-b')
    assert.equal(field('access-control-allow-private-network'), 'true')
  })

  test('names of fields that no browser sends are not repeated', () => {
    const head = testRequest({ headers: ['origin', APP, 'access-control-request-headers', 'a<script>'] })
    stagePolicy(cors, { origins: ['*'] }).policy.preflight!(head)
    assert.equal(head.responseHeaders?.includes('access-control-allow-headers'), false)
  })
})
