import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { NatsLink } from '../../src/nats/connection.ts'
import { eventually } from '../support/eventually.ts'
import { natsUrl, startNats } from '../support/nats.ts'
import { createNatsOperator, writeOperatorConfig } from '../support/nats-operator.ts'
import { silentLogger } from '../support/silent-logger.ts'

test('a link that is closed while it connects ends', { timeout: 10_000 }, async () => {
  const link = new NatsLink({ servers: [await natsUrl()], name: 'test', logger: silentLogger })
  link.start()
  await link.close()
  assert.equal(link.connected, false)
})

test('a link that is refused says so, and nothing of a server that is away', async (t) => {
  const nats = await startNats({ args: ['--user', 'me', '--pass', 'right'] })
  t.after(() => nats.stop())
  const said: string[] = []
  const error = (_fields: object, message: string) => void said.push(message)
  const servers = [`nats://me:s3cret@127.0.0.1:${nats.port}`]
  const link = new NatsLink({ servers, name: 'test', logger: { ...silentLogger, error } })
  t.after(() => link.close())
  link.start()
  await eventually('it is refused', () => said.length > 0)
  assert.match(said[0]!, /^no connection with NATS, .*: the server refuses our credentials .*NATS_URL or nats\.servers/)
  assert.doesNotMatch(said[0]!, /s3cret|reachable/)
})

test('whoever listens to a link that is up hears so at once', async () => {
  const link = new NatsLink({ servers: [await natsUrl()], name: 'test', logger: silentLogger })
  try {
    link.start()
    await eventually('connected', () => link.connected)
    let heard = 0
    link.listen({ onConnected: () => heard++, onDisconnected() {} })
    assert.equal(heard, 1)
  } finally {
    await link.close()
  }
})

test('a link whose credentials expire is back with those that are in the file by then, and says all of it once', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'engine-router-creds-'))
  t.after(() => rm(directory, { recursive: true }))
  const operator = createNatsOperator(['one'])
  const nats = await startNats({ args: ['-c', await writeOperatorConfig(operator, directory)] })
  t.after(() => nats.stop())
  const creds = join(directory, 'router.creds')
  await writeFile(creds, operator.creds('one', 4))
  const said: string[] = []
  const error = (_fields: object, message: string) => void said.push(message)
  const info = (_fields: object, message: string) => void said.push(message)
  // Of each handshake that is refused.
  let refused = 0
  const debug = () => void refused++
  const logger = { ...silentLogger, error, info, debug }
  const link = new NatsLink({ servers: [nats.url], creds, name: 'test', logger })
  t.after(() => link.close())
  const heard: string[] = []
  link.listen({ onConnected: () => heard.push('up'), onDisconnected: () => heard.push('down') })
  link.start()
  await eventually('they expire, and are refused again and again', () => refused >= 6, { timeoutMs: 20_000 })
  // As it is while it is written.
  await writeFile(creds, '-----BEGIN NATS USER JWT-----\n')
  const before = refused
  await eventually('it goes on', () => refused >= before + 2)
  await writeFile(creds, operator.creds('one'))
  await eventually('it is back', () => link.connected)
  await link.client!.flush()
  // In the second in which they expire the server may let them in for a moment.
  const each = Array.from({ length: link.reconnects }, () => ['down', 'up'])
  assert.deepEqual(heard, ['up', ...each.flat()])
  assert.ok(link.reconnects >= 1 && link.reconnects < refused, `${link.reconnects}`)
  assert.equal(said.at(-1), 'NATS is back')
  assert.equal(said.filter((text) => text.includes('AUTHORIZATION_VIOLATION')).length, 1)
  assert.match(said.join('\n'), /refuses our credentials .* NATS_CREDS or nats\.creds/)
})

test('a link says anew what is wrong when that is something else', async (t) => {
  const first = await startNats()
  const { port } = first
  await first.stop()
  const said: string[] = []
  const error = (_fields: object, message: string) => void said.push(message)
  const servers = [`nats://me:wrong@127.0.0.1:${port}`]
  const link = new NatsLink({ servers, name: 'test', logger: { ...silentLogger, error } })
  t.after(() => link.close())
  link.start()
  await eventually('nobody is there', () => said.length === 1)
  const second = await startNats({ port, args: ['--user', 'me', '--pass', 'right'] })
  t.after(() => second.stop())
  await eventually('somebody refuses it', () => said.length === 2)
  assert.match(said[1]!, /refuses our credentials/)
})

test('a link whose credentials file is not there says so, and is there when the file is', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'engine-router-creds-'))
  t.after(() => rm(directory, { recursive: true }))
  const creds = join(directory, 'router.creds')
  const said: string[] = []
  const error = (_fields: object, message: string) => void said.push(message)
  const link = new NatsLink({ servers: [await natsUrl()], creds, name: 'test', logger: { ...silentLogger, error } })
  t.after(() => link.close())
  link.start()
  await eventually('it says so', () => said.length === 1)
  assert.match(said[0]!, /a file of the settings for NATS cannot be read: ENOENT.*router\.creds/)
  await writeFile(creds, createNatsOperator(['one']).creds('one'))
  await eventually('it is there', () => link.connected)
})
