import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { connect, headers } from 'nats'
import { natsUrl } from '../support/nats.ts'
import { openRaw } from '../support/raw-http.ts'
import { startTestApp } from './start-test-app.ts'

const P = `t${process.pid}log`
/** Each is somewhere in a request or a response, and none may be in the log. */
const SECRETS = {
  authorization: 'Bearer secret-authorization',
  cookie: 'session=secret-cookie',
  'proxy-authorization': 'Basic secret-proxy',
  'x-api-key': 'secret-key',
}

describe('the log of a router', () => {
  test('has one line an exchange with the id that the client got, a failure louder, and no credentials', async (t) => {
    const nats = await connect({ servers: await natsUrl() })
    t.after(() => nats.close())
    nats.subscribe(`${P}.ok.*`, {
      callback: (_error, message) => {
        const answer = headers()
        answer.set('set-cookie', 'session=secret-set-cookie')
        message.respond('secret-body', { headers: answer })
      },
    })
    nats.subscribe(`${P}.bad`, {
      callback: (_error, message) => {
        const answer = headers()
        answer.set('Sx-Status', '999')
        message.respond('', { headers: answer })
      },
    })
    nats.subscribe(`${P}.silent`, { callback: () => {} })
    await nats.flush()
    const { url, app, log, logText, idle, databaseUrl } = await startTestApp(t, [
      { name: 'ok', match: { path: '/ok/{id}' }, subject: `${P}.ok.{id}` },
      { name: 'bad', match: { path: '/bad' }, subject: `${P}.bad` },
      { name: 'silent', match: { path: '/silent' }, subject: `${P}.silent`, timeout: '20ms' },
      { name: 'nobody', match: { path: '/nobody' }, subject: `${P}.nobody` },
    ])

    const ids: string[] = []
    for (const path of ['/ok/1', '/bad', '/silent', '/nobody', '/missing']) {
      const response = await fetch(`${url}${path}?token=secret-query`, {
        method: 'POST',
        body: 'secret-body',
        headers: SECRETS,
      })
      ids.push(response.headers.get('x-request-id') ?? '')
      await response.body?.cancel()
    }
    // One whose value cannot be part of a subject, and one that is too long in the query.
    const raw = await openRaw(app.httpPort)
    raw.write('GET /ok/%ff?token=secret-query HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine-1\r\n\r\n')
    await raw.until(/\r\n\r\n\{.*\}\n$/)
    raw.write(`GET /ok/1?token=secret-query-${'x'.repeat(9000)} HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine-2\r\n\r\n`)
    await raw.until(/HTTP\/1\.1 414 [\s\S]*\}\n$/)
    raw.destroy()
    ids.push('mine-1', 'mine-2')
    await idle()

    const lines = log().filter(({ msg }) => msg.startsWith('exchange '))
    assert.deepEqual(
      lines.map(({ requestId }) => requestId),
      ids,
    )
    assert.deepEqual(
      lines.map(({ level, route, code, status }) => `${level} ${route} ${code} ${status}`),
      [
        'debug ok ok 200',
        'warn bad backend_error 502',
        'warn silent timeout 504',
        'warn nobody no_responders 503',
        'debug undefined no_route 404',
        'debug ok subject_invalid 400',
        'debug undefined uri_too_long 414',
      ],
    )
    const [first] = lines
    assert.partialDeepStrictEqual(first, { method: 'POST', path: '/ok/1', subject: `${P}.ok.1`, remote: '127.0.0.1' })
    assert.deepEqual([first?.bytesIn, first?.bytesOut], ['secret-body'.length, 'secret-body'.length])

    assert.doesNotMatch(logText(), /secret/)
    const { password } = new URL(databaseUrl)
    assert.ok(password.length > 0 && !logText().includes(password), 'the password of the database is in the log')
  })
})
