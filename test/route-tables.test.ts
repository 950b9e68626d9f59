import assert from 'node:assert/strict'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { toRouterConfig } from '../src/config/router-config.ts'
import { routerConfigSchema } from '../src/config/schema.ts'
import { DeadlineWheel } from '../src/exchange/deadline-wheel.ts'
import { ApiKeyDirectory } from '../src/policies/api-key-directory.ts'
import { RevocationDirectory } from '../src/policies/revocation-directory.ts'
import { createRouteTables, type RouteTables } from '../src/route-tables.ts'
import { createLogger } from '../src/telemetry/log.ts'
import { createTestStore, type TestStore } from './store/migrated-database.ts'
import { eventually } from './support/eventually.ts'

describe('the tables of a router with a routes.file', () => {
  let store: TestStore

  before(async () => {
    store = await createTestStore()
  })

  after(() => store.drop())

  /** Started, with a file that has the route `a`, and ready. */
  async function startTables(t: TestContext) {
    await store.psql('truncate routes, route_revisions')
    const cwd = await mkdtemp(join(tmpdir(), 'engine-router-tables-'))
    const save = async (name: string) => {
      await writeFile(
        join(cwd, 'new'),
        `{ version: 1, routes: [{ name: ${name}, match: { path: /${name} }, subject: x }] }`,
      )
      await rename(join(cwd, 'new'), join(cwd, 'routes.yaml'))
    }
    await save('a')
    const config = toRouterConfig(
      routerConfigSchema.parse({
        database: { url: store.url },
        routes: { file: join(cwd, 'routes.yaml'), cache: join(cwd, 'cache.json') },
      }),
    )
    /** Why it was not ready just when the file was applied, each time. */
    const unreadyAtApply: (string | undefined)[] = []
    let tables: RouteTables | undefined
    const logger = createLogger('info', {
      write(line) {
        if (JSON.parse(line).msg === 'routes file applied') unreadyAtApply.push(tables?.unready)
      },
    })
    const apiKeys = new ApiKeyDirectory({ wheel: new DeadlineWheel(), now: Date.now })
    const notServed = () => assert.fail('nothing is asked')
    tables = createRouteTables(
      config,
      logger,
      { dispatch: () => notServed, protect: (_route, _spec, service) => service },
      { apiKeys, revocations: new RevocationDirectory(Date.now), onWorkspaces() {} },
    )
    const started = tables
    t.after(async () => {
      await started.stop()
      await rm(cwd, { recursive: true })
    })
    started.start(() => {})
    await eventually('readiness', () => started.unready === undefined)
    return { tables: started, save, unreadyAtApply }
  }

  test('are ready while a later save is on its way to the table', async (t) => {
    const { tables, save, unreadyAtApply } = await startTables(t)
    const { revision } = tables.current()!
    await save('b')
    await eventually('the save', () => tables.current()!.revision > revision && unreadyAtApply.length === 2)
    assert.notEqual(unreadyAtApply[0], undefined)
    assert.equal(unreadyAtApply[1], undefined)
  })

  test('stay ready when the revision falls, as with a backup that is restored', async (t) => {
    const { tables } = await startTables(t)
    await store.psql('update routes_version set revision = 0; notify engine_router_routes')
    await eventually('the earlier revision', () => tables.current()!.revision === 0)
    assert.equal(tables.unready, undefined)
  })
})
