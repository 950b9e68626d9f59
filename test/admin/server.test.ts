import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { type AdminServer, startAdminServer } from '../../src/admin/server.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { fakeSource } from './fake-source.ts'

describe('the admin server', () => {
  let admin: AdminServer
  let url: string
  let reasons: string[] = []
  let renderMetrics: () => string
  const failures: string[] = []
  const logger = { ...silentLogger, error: (_fields: object, message: string) => void failures.push(message) }
  before(async () => {
    admin = await startAdminServer({
      host: '127.0.0.1',
      port: 0,
      token: undefined,
      source: fakeSource(),
      readiness: () => reasons,
      metrics: () => ({ contentType: 'text/plain', text: renderMetrics() }),
      logger,
    })
    url = `http://127.0.0.1:${admin.port}`
  })
  beforeEach(() => {
    reasons = []
    renderMetrics = () => 'metrics 1\n'
  })
  after(() => admin.close())

  test('is live whether it is ready or not', async () => {
    reasons = ['something']
    const response = await fetch(`${url}/healthz`)
    assert.deepEqual([response.status, await response.json()], [200, { status: 'live' }])
  })

  test('is ready when nothing stands in the way, and else says what does', async () => {
    const ready = await fetch(`${url}/readyz`)
    assert.deepEqual([ready.status, await ready.json()], [200, { status: 'ready', reasons: [] }])
    reasons = ['one', 'two']
    const notReady = await fetch(`${url}/readyz?verbose`)
    assert.deepEqual([notReady.status, await notReady.json()], [503, { status: 'not ready', reasons: ['one', 'two'] }])
  })

  test('lets no cache keep what it says, and no browser make a page of it', async () => {
    for (const path of ['/healthz', '/readyz', '/metrics', '/api/routes', '/nowhere']) {
      const { headers } = await fetch(url + path)
      assert.equal(headers.get('cache-control'), 'no-store', path)
      assert.equal(headers.get('x-content-type-options'), 'nosniff', path)
      assert.match(headers.get('content-security-policy')!, /frame-ancestors 'none'/, path)
    }
  })

  test('has metrics as they are given', async () => {
    const response = await fetch(`${url}/metrics`)
    assert.equal(response.headers.get('content-type'), 'text/plain')
    assert.equal(await response.text(), 'metrics 1\n')
  })

  test('outlives metrics that cannot be had, and logs why', async () => {
    renderMetrics = () => {
      throw new Error('too many open files')
    }
    const response = await fetch(`${url}/metrics`)
    assert.deepEqual(
      [response.status, await response.text()],
      [500, '{"type":"about:blank","status":500,"code":"internal","title":"Internal error"}\n'],
    )
    assert.deepEqual(failures, ['the admin API failed'])
    assert.equal((await fetch(`${url}/healthz`)).status, 200)
  })

  test('answers HEAD without a body', async () => {
    const response = await fetch(`${url}/healthz`, { method: 'HEAD' })
    assert.deepEqual([response.status, await response.text()], [200, ''])
  })

  test('says what there is instead of another path or method', async () => {
    const missing = await fetch(`${url}/nothing`)
    assert.equal(missing.status, 404)
    assert.match(await missing.text(), /\/healthz, \/readyz and \/metrics/)
    const post = await fetch(`${url}/healthz`, { method: 'POST' })
    assert.deepEqual([post.status, post.headers.get('allow')], [405, 'GET, HEAD'])
  })

  test('names the port that is taken', async () => {
    const again = startAdminServer({
      host: '127.0.0.1',
      port: admin.port,
      token: undefined,
      source: fakeSource(),
      logger,
      readiness: () => [],
      metrics: () => assert.fail(),
    })
    await assert.rejects(again, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${admin.port} \\(admin\\)`))
  })
})
