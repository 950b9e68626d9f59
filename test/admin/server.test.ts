import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { type AdminServer, startAdminServer } from '../../src/admin/server.ts'

describe('the admin server', () => {
  let admin: AdminServer
  let url: string
  let reasons: string[] = []
  before(async () => {
    admin = await startAdminServer({
      host: '127.0.0.1',
      port: 0,
      readiness: () => reasons,
      metrics: () => ({ contentType: 'text/plain', text: 'metrics 1\n' }),
    })
    url = `http://127.0.0.1:${admin.port}`
  })
  beforeEach(() => {
    reasons = []
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
    assert.equal(notReady.headers.get('cache-control'), 'no-store')
  })

  test('has metrics as they are given', async () => {
    const response = await fetch(`${url}/metrics`)
    assert.equal(response.headers.get('content-type'), 'text/plain')
    assert.equal(await response.text(), 'metrics 1\n')
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
      readiness: () => [],
      metrics: () => assert.fail(),
    })
    await assert.rejects(again, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${admin.port} \\(admin\\)`))
  })
})
