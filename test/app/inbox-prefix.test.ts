import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect, headers as createHeaders } from 'nats'
import { eventually } from '../support/eventually.ts'
import { natsUrl } from '../support/nats.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { startRouter, temporaryDirectory } from './router-process.ts'
import { startTestApp } from './start-test-app.ts'

const P = `t${process.pid}inboxes`
/** Of the routers alone. */
const INBOXES = `_${P}.routers`

test('a route leads nowhere below the prefix of the inboxes of routers, and a backend neither', async (t) => {
  const nats = await connect({ servers: await natsUrl() })
  t.after(() => nats.close())
  const published: string[] = []
  nats.subscribe(`_${P}.>`, {
    callback(_error, message) {
      published.push(message.subject)
      // It also hears what the router is answered.
      if (!message.subject.startsWith(`${INBOXES}.`)) message.respond('here')
    },
  })
  nats.subscribe(`${P}.streams`, {
    callback(_error, message) {
      assert.ok(message.reply!.startsWith(`${INBOXES}.`))
      const headers = createHeaders()
      headers.set('Sx', 'accept 1')
      nats.publish(message.reply!, '', { headers, reply: `${INBOXES}.another.token` })
    },
  })
  nats.subscribe('engine.*.echo', { callback: (_error, message) => void message.respond('echo') })
  await nats.flush()
  const { app, url, log } = await startTestApp(
    t,
    [
      { name: 'wide', match: { path: '/wide/{rest...}' }, subject: '{rest...}' },
      { name: 'one', match: { path: '/one/{a}/{b}' }, subject: '{a}.{b}.x' },
      { name: 'late', match: { path: '/late' }, subject: '{to}.routers.x', params: { to: { header: 'x-to' } } },
      { name: 'half', match: { path: '/half/{a}' }, subject: `_${P}.{a}` },
      { name: 'inside', match: { path: '/inside' }, subject: `${INBOXES}.x` },
      { name: 'streams', match: { path: '/streams' }, subject: `${P}.streams`, body: 'stream' },
    ],
    [],
    undefined,
    {},
    { inboxPrefix: INBOXES },
  )
  const ask = async (path: string, to = '') => {
    const response = await fetch(url + path, { headers: { 'x-to': to }, signal: AbortSignal.timeout(5000) })
    const text = await response.text()
    return response.ok ? text : [response.status, JSON.parse(text).code]
  }
  const refused = [400, 'subject_invalid']

  assert.deepEqual(await ask(`/wide/_${P}/routers/another/token`), refused)
  assert.deepEqual(await ask(`/wide/_${P}/routers`), refused)
  assert.deepEqual(await ask(`/one/_${P}/routers`), refused)
  assert.deepEqual(await ask(`/one/_${P}/%72outers`), refused)
  assert.deepEqual(await ask('/half/routers'), refused)
  assert.deepEqual(await ask('/late', `_${P}`), refused)
  assert.deepEqual(await ask('/inside'), [404, 'no_route'])
  assert.deepEqual(
    log().flatMap(({ route, msg }) => (msg.startsWith('a route is not served') ? [route, msg] : [])),
    [
      'inside',
      `a route is not served: inside: subject: subjects that begin with \`${INBOXES}\` are reserved by ` +
        'nats.inboxPrefix: clients must not reach them',
    ],
  )
  assert.equal(app.gauges().quarantinedRoutes, 1)
  assert.deepEqual(await ask('/streams'), [502, 'protocol_error'])

  // What only looks like it, and what all of this is not about.
  assert.equal(await ask('/half/routers2'), 'here')
  assert.equal(await ask(`/wide/_${P}/router/s`), 'here')
  assert.equal(await ask('/wide/engine/1/echo'), 'echo')
  assert.deepEqual(
    published.filter((subject) => [`${INBOXES}.another.token`, INBOXES, `${INBOXES}.x`].includes(subject)),
    [],
  )
})

test('a file of routes with such a subject is refused with its place', async (t) => {
  const database = await createTestDatabase({ migrated: true })
  t.after(() => database.drop())
  const file = join(await temporaryDirectory(), 'routes.yaml')
  const route = `{ name: inside, match: { path: /inside }, subject: '${INBOXES}.x' }`
  writeFileSync(file, `version: 1\nroutes:\n  - ${route}\n`)
  const router = await startRouter(t, {
    natsUrl: await natsUrl(),
    nats: { inboxPrefix: INBOXES },
    databaseUrl: database.url,
    routes: { file },
  })
  const line = await eventually('it is logged', () => router.log().find(({ level }) => level === 'error'))
  assert.match(JSON.stringify(line), /3:\d+: routes\[0\]\.subject: .* reserved by nats\.inboxPrefix/)
})
