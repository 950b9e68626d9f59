import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from 'nats'
import { addApiKey, revokeApiKey } from '../../src/store/api-keys.ts'
import { openDatabase } from '../../src/store/database.ts'
import { addWorkspace } from '../../src/store/workspaces.ts'
import { openSocket } from '../adapters/websocket/start-client.ts'
import { eventually } from '../support/eventually.ts'
import { natsUrl } from '../support/nats.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { startTestApp } from './start-test-app.ts'

const P = `t${process.pid}apppolicies`

test('a router knows keys and workspaces of its database, on every protocol', async (t) => {
  const nats = await connect({ servers: await natsUrl() })
  t.after(() => nats.close())
  nats.subscribe(`${P}.*.*`, {
    callback: (_error, message) =>
      void message.respond(`${message.subject.slice(P.length + 1)} ${message.headers?.get('Sx-Subject-Id')}`),
  })
  await nats.flush()
  const params = { workspace: { workspace: true } }
  const policies = [{ apiKey: {} }]
  const { url, databaseUrl, idle } = await startTestApp(t, [
    { name: 'page', match: { path: '/{workspace}/page' }, subject: `${P}.{workspace}.page`, params, policies },
    {
      name: 'rpc',
      match: { kind: 'ws', path: '/{workspace}/rpc' },
      subject: `${P}.{workspace}.rpc`,
      params,
      policies,
      websocket: 'rpc',
    },
    {
      name: 'events',
      match: { path: '/{workspace}/events' },
      subject: `${P}.{workspace}.events`,
      params,
      policies,
      reply: 'many',
    },
  ])
  const store = openDatabase(databaseUrl, { logger: silentLogger })
  t.after(() => store.close())
  const workspace = await addWorkspace(store.db, 'acme')
  const { id, key } = await addApiKey(store.db, { name: 'n', subjectId: 'ann', scopes: [], expiresAt: undefined })
  const headers = { 'x-api-key': key }
  const expected = (what: string) => `${workspace!.id}.${what} ann`

  const get = () => fetch(`${url}/acme/page`, { headers })
  await eventually('the router knows both', async () => (await get()).status === 200)
  assert.equal(await (await get()).text(), expected('page'))
  assert.equal((await fetch(`${url}/other/page`, { headers })).status, 404)
  assert.equal((await fetch(`${url}/acme/page`)).status, 401)
  assert.equal((await fetch(`${url}/other/page`)).status, 401, 'who is not let in does not learn what there is')

  const rpc = await openSocket(`${url}/acme/rpc`, { headers })
  rpc.ws.send('x')
  assert.deepEqual(await rpc.messages(1), [expected('rpc')])
  const mux = await openSocket(`${url}/_sx`, { protocols: ['sx.v1.json'] })
  mux.ws.send(JSON.stringify({ t: 'open', id: 1, path: '/acme/events', headers }))
  const frames = (await mux.messages(2)).map((text) => JSON.parse(text))
  assert.deepEqual([frames[0].status, frames[1].body], [200, expected('events')])

  await revokeApiKey(store.db, id)
  assert.equal((await rpc.closed()).code, 4401)
  const [last] = (await mux.messages(3)).slice(2).map((text) => JSON.parse(text))
  assert.deepEqual([last.t, last.code, last.status], ['reset', 'unauthorized', 401])
  mux.ws.close()
  await idle()
})
