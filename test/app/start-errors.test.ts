import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { before, describe, type TestContext, test } from 'node:test'
import { natsUrl } from '../support/nats.ts'
import { spawnRouter, startRouter, temporaryDirectory } from './router-process.ts'

/** Nobody has to be there: these routers end before they would need it. */
const DATABASE_URL = 'postgres://nobody@127.0.0.1:1/nothing'

describe('a router that cannot start', () => {
  let nats: string
  before(async () => {
    nats = await natsUrl()
  })

  async function takePort(t: TestContext): Promise<number> {
    const server = createServer().listen(0, '127.0.0.1')
    t.after(() => void server.close())
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }

  /** What it says when it ends instead of listening; it must end with code 1. */
  async function failure(t: TestContext, yaml: string): Promise<string> {
    const directory = await temporaryDirectory()
    await writeFile(join(directory, 'router.yaml'), yaml)
    const router = spawnRouter(t, directory)
    assert.equal(await router.exitCode, 1, router.output())
    return router.stderr()
  }

  const yaml = (httpPort: number, adminPort: number) =>
    JSON.stringify({
      listen: { http: { host: '127.0.0.1', port: httpPort }, admin: { port: adminPort } },
      nats: { servers: [nats] },
      database: { url: DATABASE_URL },
    })

  test('says that the HTTP port is taken', async (t) => {
    const port = await takePort(t)
    assert.match(
      await failure(t, yaml(port, 0)),
      new RegExp(`^error: cannot listen on 127\\.0\\.0\\.1:${port}: .*taken`),
    )
  })

  test('says that the admin port is taken', async (t) => {
    const port = await takePort(t)
    const message = await failure(t, yaml(0, port))
    assert.match(message, new RegExp(`^error: cannot listen on 127\\.0\\.0\\.1:${port} \\(admin\\): .*EADDRINUSE`))
  })

  test('does not share the HTTP port of another router', async (t) => {
    const other = await startRouter(t, { natsUrl: nats, databaseUrl: DATABASE_URL })
    assert.match(await failure(t, yaml(other.port, 0)), new RegExp(`cannot listen on 127\\.0\\.0\\.1:${other.port}`))
  })

  test('says everything that is wrong with its settings, with line and column', async (t) => {
    const message = await failure(
      t,
      'listen:\n  http: { prot: 8080 }\nlimits:\n  bodyBytes: lots\ndrain: { timeout: 30 }\nnat: {}\n',
    )
    assert.deepEqual(
      message.split('\n').map((line) => /^router\.yaml:(\d+:\d+: [\w.]+):/.exec(line)?.[1]),
      ['2:11: listen.http.prot', '4:14: limits.bodyBytes', '5:19: drain.timeout', '6:1: nat', undefined],
    )
    assert.match(message, /listen\.http\.prot: .*"port"/)
  })
})
