import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect, credsAuthenticator } from 'nats'
import { startApp } from '../../src/app.ts'
import { toRouterConfig } from '../../src/config/router-config.ts'
import { routerConfigSchema } from '../../src/config/schema.ts'
import { addWorkspace, deleteWorkspace } from '../../src/store/workspaces.ts'
import { createLogger } from '../../src/telemetry/log.ts'
import { createTestStore, query } from '../store/migrated-database.ts'
import { eventually } from '../support/eventually.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import { startNats } from '../support/nats.ts'
import { createNatsOperator, writeOperatorConfig } from '../support/nats-operator.ts'
import { startRouter, temporaryDirectory } from './router-process.ts'

test('each workspace has the NATS account that its credentials are of, and no other', async (t) => {
  const directory = await temporaryDirectory()
  const operator = createNatsOperator(['ROUTER', 'ACME', 'GLOBEX'])
  const server = await startNats({ args: ['-c', await writeOperatorConfig(operator, directory)] })
  t.after(() => server.stop())
  const creds = join(directory, 'creds')
  await mkdir(creds)
  for (const [file, account] of [
    ['router', 'ROUTER'],
    ['acme', 'ACME'],
    ['globex', 'GLOBEX'],
  ] as const) {
    await writeFile(join(creds, `${file}.creds`), operator.creds(account))
  }
  for (const account of ['ROUTER', 'ACME', 'GLOBEX']) {
    const authenticator = credsAuthenticator(Buffer.from(operator.creds(account)))
    const nats = await connect({ servers: server.url, authenticator })
    t.after(() => nats.close())
    nats.subscribe('run.*', { callback: (_error, message) => void message.respond(account) })
    await nats.flush()
  }
  const store = await createTestStore()
  t.after(() => store.drop())
  const ids = new Map<string, string>()
  for (const name of ['acme', 'globex', 'initech']) ids.set(name, (await addWorkspace(store.db, name))!.id)
  await query(
    store.url,
    `insert into routes (name, path, subject, params) values
       ('run', '/{workspace}/run', 'run.{workspace}', '{"workspace": {"workspace": true}}'),
       ('plain', '/run/{id}', 'run.{id}', null)`,
  )
  const router = await startRouter(
    t,
    {
      natsUrl: server.url,
      databaseUrl: store.url,
      nats: { creds: 'creds/router.creds', workspaceCreds: 'creds/{name}.creds' },
    },
    directory,
  )
  await router.ready()
  const get = async (path: string) => {
    const response = await fetch(`${router.url}${path}`)
    return `${response.status} ${await response.text()}`
  }
  await eventually('acme is connected', async () => (await get('/acme/run')) === '200 ACME')
  await eventually('globex is connected', async () => (await get('/globex/run')) === '200 GLOBEX')
  assert.equal(await get(`/run/${ids.get('acme')}`), '200 ROUTER')
  assert.match(await get('/initech/run'), /^503 .*nats_unavailable/)

  await deleteWorkspace(store.db, { name: 'acme' })
  await eventually('acme is gone', async () => (await get('/acme/run')).startsWith('404'))
  assert.equal(await get('/globex/run'), '200 GLOBEX')
  await writeFile(join(creds, 'initech.creds'), operator.creds('ACME'))
  await eventually('credentials that came late are taken', async () => (await get('/initech/run')) === '200 ACME')
})

test('a router that has stopped leaves no connection of a workspace', async (t) => {
  const directory = await temporaryDirectory()
  await writeFile(join(directory, 'acme.creds'), createNatsOperator(['ACME']).creds('ACME'))
  const server = await startNats()
  t.after(() => server.stop())
  const proxy = await startFaultProxy(t, server.port)
  const store = await createTestStore()
  t.after(() => store.drop())
  await addWorkspace(store.db, 'acme')
  const config = routerConfigSchema.parse({
    listen: { http: { host: '127.0.0.1', port: 0 }, admin: { port: 0 } },
    nats: { servers: [`nats://127.0.0.1:${proxy.port}`], workspaceCreds: join(directory, '{name}.creds') },
    database: { url: store.url },
    routes: { cache: join(directory, 'routes.json') },
    drain: { timeout: '0s' },
  })
  const app = await startApp(toRouterConfig(config), createLogger('fatal'))
  await eventually("the router's own and the workspace's", () => proxy.connections === 2)
  await app.stop()
  await eventually('none is left', () => proxy.connections === 0)
})
