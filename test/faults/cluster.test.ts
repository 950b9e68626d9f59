import assert from 'node:assert/strict'
import { request } from 'node:http'
import { test } from 'node:test'
import { connect } from 'nats'
import { startRouter } from '../app/router-process.ts'
import { query } from '../store/migrated-database.ts'
import { backendPrograms } from '../support/backend-programs.ts'
import { eventually } from '../support/eventually.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import { freePort } from '../support/free-port.ts'
import { startNats } from '../support/nats.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { openDuplex } from './duplex-request.ts'

const DOWNLOAD_BYTES = 256 * 1024 ** 2

/**
 * The router is on one server and the backend on the other. Both connections to NATS stay up while the route between the
 * servers is cut, so nobody is told; what is lost on the way is seen by its number.
 */
test('a cluster whose route is cut: streams that lost a part are cut, none is short, and it heals', async (t) => {
  const clusterPort = await freePort()
  const first = await startNats({ args: ['--cluster_name', 'c', '--cluster', `nats://127.0.0.1:${clusterPort}`] })
  t.after(() => first.stop())
  const proxy = await startFaultProxy(t, clusterPort)
  const second = await startNats({
    // Without the addresses of the others, so that it cannot go around the proxy.
    args: [
      ...['--cluster_name', 'c', '--cluster', 'nats://127.0.0.1:-1', '--no_advertise'],
      ...['--routes', `nats://127.0.0.1:${proxy.port}`, '--connect_retries', '1000'],
    ],
  })
  t.after(() => second.stop())
  const database = await createTestDatabase({ migrated: true })
  t.after(() => database.drop())
  await query(
    database.url,
    `insert into routes (name, path, subject, body) values ('s', '/sx/{op}', 'sx.{op}', 'stream')`,
  )
  const router = await startRouter(t, { natsUrl: first.url, databaseUrl: database.url })
  await router.ready()
  const backend = await backendPrograms[0]!.start(second.url, 'sx', 'sx')
  t.after(() => backend.stop())
  const open = async () => {
    const { data } = await near.request('sx.open', '', { timeout: 1000 })
    return Number(Buffer.from(data).toString())
  }
  const near = await connect({ servers: second.url })
  t.after(() => near.close())
  const serves = async () => (await fetch(`${router.url}/sx/upload`, { method: 'POST', body: 'x' })).status === 200
  await eventually('the servers have met', serves)

  const idle = await openDuplex(t, `${router.url}/sx/echo`, 'before ')
  let bytes = 0
  const download = new Promise<boolean>((resolve, reject) => {
    const outgoing = request(`${router.url}/sx/download?bytes=${DOWNLOAD_BYTES}`, (response) => {
      response.on('data', (chunk: Buffer) => (bytes += chunk.length))
      response.on('error', () => {})
      response.on('close', () => resolve(response.complete))
    })
    outgoing.on('error', reject).end()
  })
  await eventually('it flows', () => bytes > 1024 ** 2)
  proxy.cut()
  const { status } = await fetch(`${router.url}/sx/upload`, { method: 'POST', body: 'x' })
  assert.equal(status, 503)
  // The router's own NATS is there.
  assert.equal((await router.readiness()).status, 200)
  proxy.mend()
  await eventually('the route is back', serves, { timeoutMs: 20_000 })

  const whole = await download
  assert.equal(whole, bytes === DOWNLOAD_BYTES, `${bytes} bytes, whole: ${whole}`)
  // Nothing was on its way on this one. It may have asked its peer in the meantime, and heard that nobody is there.
  idle.request.write('after')
  idle.request.end()
  const ended = await idle.over
  t.diagnostic(`the download was ${whole ? 'whole' : 'cut'} after ${bytes} bytes, the idle stream ${ended}`)
  assert.equal(idle.text(), ended === 'whole' ? 'before after' : 'before ')
  await eventually('the backend has none open', async () => (await open()) === 0, { timeoutMs: 20_000 })
})
