import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { test } from 'node:test'
import { connect } from 'nats'
import { findNatsServer } from '../../src/dev/nats-server.ts'
import { query } from '../store/migrated-database.ts'
import { natsUrl, startNats } from '../support/nats.ts'
import { createTestDatabase, startPostgres } from '../support/postgres.ts'

test('a private nats-server accepts clients when it is started and is gone when it is stopped', async () => {
  const nats = await startNats()
  const connection = await connect({ servers: nats.url })
  await connection.close()
  await nats.stop()
  assert.throws(() => process.kill(nats.pid, 0), { code: 'ESRCH' })
  const socket = connectTcp(nats.port, '127.0.0.1')
  const [error] = await once(socket, 'error')
  assert.equal(error.code, 'ECONNREFUSED')
})

test('a server that cannot start says why, in its own words', async () => {
  const first = await startNats()
  try {
    await assert.rejects(
      startNats({ port: first.port }),
      /nats-server ended with code 1; its last lines:.*address already in use/s,
    )
  } finally {
    await first.stop()
  }
})

test('a NATS_SERVER_BIN that is no program is named in the error', async () => {
  await assert.rejects(findNatsServer({ ...process.env, NATS_SERVER_BIN: '/nowhere/nats-server' }), {
    message: 'NATS_SERVER_BIN is /nowhere/nats-server, which is not an executable file; correct or unset it',
  })
})

test('the shared nats-server is one for all of a process', async () => {
  assert.equal(await natsUrl(), await natsUrl())
})

test('a killed Postgres comes back on its port with what was committed', async () => {
  const postgres = await startPostgres()
  try {
    await query(postgres.url, 'create table kept (n int)')
    await query(postgres.url, 'insert into kept values (7)')
    await postgres.kill()
    await assert.rejects(query(postgres.url, 'select 1'), { code: 'ECONNREFUSED' })
    await postgres.start()
    assert.deepEqual(await query(postgres.url, 'select n from kept'), [{ n: 7 }])
  } finally {
    await postgres.close()
  }
})

test('a test database is empty and its own', async () => {
  const [one, two] = await Promise.all([createTestDatabase(), createTestDatabase()])
  await query(one.url, 'create table mine (n int)')
  await assert.rejects(query(two.url, 'select * from mine'), { code: '42P01' })
  await Promise.all([one.drop(), two.drop()])
})
