import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { connect } from 'nats'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { needs } from '../support/needs.ts'
import { sendBytes } from '../support/send-bytes.ts'
import { startStreamBackend } from '../support/stream-backend.ts'

const skip = needs(spawnSync('slowhttptest', ['-h']).error === undefined, 'slowhttptest is not here')

const CONNECTIONS = 60
/** How long it would go on: uWebSockets waits for a head for 8 to 12 seconds, and a busy machine takes its time. */
const SECONDS = 30
/** More than the system takes for a client that does not read. */
const LARGE_BYTES = 32 * 1024 * 1024

/** The ways of slowhttptest to hold a connection, and the limit that ends it. */
const ATTACKS = [
  { name: 'unfinished heads', limit: 'unfinished_head', argv: ['-H'], path: '/echo' },
  { name: 'unfinished bodies', limit: 'slow_body', argv: ['-B', '-s', '8192', '-x', '1'], path: '/echo' },
  {
    name: 'answers that are hardly read',
    limit: 'slow_reader',
    argv: ['-X', '-w', '512', '-y', '1024', '-n', '100', '-z', '1'],
    path: '/large',
  },
] as const

describe('slowhttptest holds no connection by', { skip, concurrency: true }, () => {
  for (const { name, limit, argv, path } of ATTACKS) {
    test(`${name}, and a good client is served meanwhile`, async (t) => {
      const url = await natsUrl()
      const subject = `limits.slowhttptest.${process.pid}.${limit}`
      const nats = await connect({ servers: url })
      nats.subscribe(`${subject}.echo`, { callback: (_error, message) => void message.respond(message.data) })
      const backend = await startStreamBackend(url)
      await backend.handle(`${subject}.large`, (stream) => {
        stream.head({ status: 200, headers: [] })
        return sendBytes(stream, LARGE_BYTES)
      })
      await nats.flush()
      const gateway = await startGateway({
        natsUrl: url,
        routes: [
          { name: 'echo', match: { path: '/echo' }, subject: `${subject}.echo`, timeout: '1m' },
          { name: 'large', match: { path: '/large' }, subject: `${subject}.large`, body: 'stream' },
        ],
        transferLimits: { stallTimeoutMs: 2000 },
      })
      t.after(async () => {
        await gateway.close()
        await nats.close()
        await backend.close()
      })

      const target = `http://127.0.0.1:${gateway.port}${path}`
      const pace = ['-c', `${CONNECTIONS}`, '-r', `${CONNECTIONS}`, '-i', '1', '-l', `${SECONDS}`]
      const child = spawn('slowhttptest', [...argv, '-u', target, ...pace], { stdio: 'ignore' })
      t.after(() => child.kill())
      const exited = once(child, 'exit')
      const met = () => gateway.limited.count(limit)
      // The first may be closed before the last is open.
      await eventually('the attack', () => gateway.http.connections + met() >= CONNECTIONS, { timeoutMs: 20_000 })
      let served = 0
      await eventually(
        'all of them are closed, while others are served',
        async () => {
          const response = await fetch(`${gateway.url}/echo`, { method: 'POST', body: 'hello' })
          assert.equal(await response.text(), 'hello')
          served++
          return met() >= CONNECTIONS && gateway.http.connections <= 1
        },
        { timeoutMs: 2 * SECONDS * 1000 },
      )
      child.kill()
      await exited
      t.diagnostic(`${limit}: ${met()} of ${CONNECTIONS}, ${served} good requests`)
      await gateway.assertIdle()
    })
  }
})
