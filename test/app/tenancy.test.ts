import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from 'nats'
import { openDatabase } from '../../src/store/database.ts'
import { addWorkspace } from '../../src/store/workspaces.ts'
import { eventually } from '../support/eventually.ts'
import { natsUrl } from '../support/nats.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { startTokenIssuer } from '../support/token-issuer.ts'
import { startTestApp } from './start-test-app.ts'

const P = `t${process.pid}tenancy`

test('a client whose token names its workspace reaches no other, whatever it sends', async (t) => {
  const issuer = await startTokenIssuer()
  t.after(() => issuer.close())
  const nats = await connect({ servers: await natsUrl() })
  t.after(() => nats.close())
  const asked: string[] = []
  nats.subscribe(`${P}.>`, {
    callback(_error, message) {
      asked.push(message.subject)
      message.respond(message.subject.slice(P.length + 1))
    },
  })
  await nats.flush()
  const { url, databaseUrl } = await startTestApp(t, [
    {
      name: 'run',
      match: { path: '/{anything}/run' },
      subject: `${P}.{tenant}.run`,
      params: { tenant: { claim: 'workspace', workspace: true } },
      policies: [{ jwt: { jwks: issuer.jwks.url } }],
    },
  ])
  const store = openDatabase(databaseUrl, { logger: silentLogger })
  t.after(() => store.close())
  const [acme, globex] = [await addWorkspace(store.db, 'acme'), await addWorkspace(store.db, 'globex')]

  const ask = async (claims: Record<string, unknown>, path = '/acme/run', headers: Record<string, string> = {}) => {
    const token = await issuer.sign(claims)
    const response = await fetch(`${url}${path}`, { headers: { ...headers, authorization: `Bearer ${token}` } })
    const text = await response.text()
    return response.status === 200 ? text : `${response.status} ${(JSON.parse(text) as { code: string }).code}`
  }
  const ofAcme = { workspace: 'acme' }
  await eventually('the router knows globex', async () => (await ask({ workspace: 'globex' })) === `${globex!.id}.run`)
  await eventually('the router knows acme', async () => (await ask(ofAcme)) === `${acme!.id}.run`)

  asked.length = 0
  for (const path of ['/globex/run', `/${globex!.id}/run`, '/acme/run?workspace=globex&tenant=globex']) {
    assert.equal(await ask(ofAcme, path, { workspace: 'globex', tenant: globex!.id }), `${acme!.id}.run`, path)
  }
  assert.deepEqual([...new Set(asked)], [`${P}.${acme!.id}.run`])

  asked.length = 0
  assert.equal(await ask({}, '/globex/run'), '403 forbidden')
  assert.equal(await ask({ workspace: ['acme', 'globex'] }), '403 forbidden')
  assert.equal(await ask({ workspace: 'initech' }), '404 unknown_workspace')
  for (const workspace of ['', '*', '>', 'acme.globex', ' acme', `${acme!.id}.${globex!.id}`]) {
    assert.equal(await ask({ workspace }), '400 subject_invalid', workspace)
  }
  assert.deepEqual(asked, [])
})
