import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { connect, headers, type Msg, type NatsConnection, RequestStrategy } from 'nats'
import type { Logger } from '../../src/exchange/logger.ts'
import type { ServiceEndpoint } from '../../src/exchange/service-endpoint.ts'
import { NatsLink } from '../../src/nats/connection.ts'
import { ServiceResponder } from '../../src/nats/service-responder.ts'
import { temporaryDirectory } from '../app/router-process.ts'
import { eventually } from '../support/eventually.ts'
import { natsUrl, startNats } from '../support/nats.ts'
import { silentLogger } from '../support/silent-logger.ts'

const echo: ServiceEndpoint = { name: 'echo', answer: (data) => ({ data: Uint8Array.from(data) }) }

interface Started {
  readonly name: string
  readonly responder: ServiceResponder
  readonly link: NatsLink
}

/** Under a name, and with a prefix, of its own: the server is for all tests. */
async function start(
  t: TestContext,
  options: {
    readonly url?: string
    readonly name?: string
    readonly id?: string
    readonly endpoints?: readonly ServiceEndpoint[]
    readonly logger?: Logger
    readonly now?: () => number
    readonly connectsFirst?: boolean
  } = {},
): Promise<Started> {
  const name = options.name ?? `t${process.pid}-${nextName++}`
  const { url = await natsUrl(), id = 'one', endpoints = [echo], logger = silentLogger, now } = options
  const link = new NatsLink({ servers: [url], name: 'responder', logger })
  if (options.connectsFirst) {
    link.start()
    await eventually('connected', () => link.connected)
  }
  const responder = new ServiceResponder({
    link,
    logger,
    name,
    id,
    version: '1.2.3',
    description: 'for a test',
    metadata: { host: 'here' },
    prefix: `${name}.ask`,
    endpoints,
    ...(now && { now }),
  })
  link.start()
  t.after(async () => {
    responder.stop()
    await link.close()
  })
  await eventually('connected', () => link.connected)
  await link.client?.flush()
  return { name, responder, link }
}

let nextName = 0

async function client(t: TestContext, url?: string): Promise<NatsConnection> {
  const nats = await connect({ servers: url ?? (await natsUrl()) })
  t.after(() => nats.close())
  return nats
}

function errorOf({ headers }: Msg): [string | undefined, string | undefined] {
  return [headers?.get('Nats-Service-Error-Code'), headers?.get('Nats-Service-Error')]
}

/** The code of what a request fails with. */
function failure(nats: NatsConnection, subject: string): Promise<unknown> {
  return nats.request(subject, '', { timeout: 500 }).then(
    () => 'answered',
    (error: { code?: unknown }) => error.code,
  )
}

describe('a router as a NATS micro service', () => {
  test('tells who it is, as the service API of NATS has it', async (t) => {
    const { name } = await start(t)
    const nats = await client(t)
    const services = nats.services.client()
    const collect = async <T>(items: Promise<AsyncIterable<T>>) => {
      const all: T[] = []
      for await (const item of await items) all.push(item)
      return all
    }
    const [ping] = await collect(services.ping(name))
    assert.deepEqual([ping?.name, ping?.id, ping?.version], [name, 'one', '1.2.3'])
    const [info] = await collect(services.info(name, 'one'))
    assert.deepEqual(info?.endpoints, [{ name: 'echo', subject: `${name}.ask.one.echo`, queue_group: '' }])
    assert.deepEqual([info?.description, info?.metadata], ['for a test', { host: 'here' }])
    await nats.request(`${name}.ask.one.echo`, 'x')
    const [stats] = await collect(services.stats(name))
    const { num_requests, num_errors } = stats?.endpoints?.[0] ?? {}
    assert.deepEqual([num_requests, num_errors], [1, 0])
    assert.ok(Date.parse(stats?.started ?? '') <= Date.now())
    assert.equal(await failure(nats, `$SRV.NOTHING.${name}`), 'TIMEOUT')
  })

  test('is registered on a connection that was there before it', async (t) => {
    const { name } = await start(t, { connectsFirst: true })
    const nats = await client(t)
    assert.equal((await nats.request(`${name}.ask.one.echo`, 'x')).string(), 'x')
  })

  test('is asked one by one, or all at once', async (t) => {
    const { name } = await start(t)
    await start(t, { name, id: 'two', endpoints: [{ name: 'echo', answer: () => ({ data: Buffer.from('two') }) }] })
    const nats = await client(t)
    assert.equal((await nats.request(`${name}.ask.one.echo`, 'one')).string(), 'one')
    assert.equal((await nats.request(`${name}.ask.two.echo`, 'one')).string(), 'two')
    const answers: string[] = []
    for await (const answer of await nats.requestMany(`${name}.ask.all.echo`, 'one', {
      strategy: RequestStrategy.Count,
      maxMessages: 2,
      maxWait: 5000,
    }))
      answers.push(answer.string())
    assert.deepEqual(answers.sort(), ['one', 'two'])
    assert.equal(await failure(nats, `${name}.ask.three.echo`), '503')
  })

  test('says what is wrong with a question, and outlives an answer that fails', async (t) => {
    const errors: string[] = []
    const logger = { ...silentLogger, error: (_fields: object, message: string) => void errors.push(message) }
    const endpoints: ServiceEndpoint[] = [
      echo,
      { name: 'none', answer: () => ({ code: 400, title: 'no such question' }) },
      {
        name: 'broken',
        answer: () => {
          throw new Error('secret')
        },
      },
      { name: 'late', answer: () => Promise.reject(new Error('secret')) },
    ]
    const { name } = await start(t, { endpoints, logger })
    const nats = await client(t)
    const ask = async (endpoint: string) => errorOf(await nats.request(`${name}.ask.one.${endpoint}`))
    assert.deepEqual(await ask('none'), ['400', 'no such question'])
    assert.deepEqual(await ask('broken'), ['500', 'Internal error'])
    assert.deepEqual(await ask('late'), ['500', 'Internal error'])
    assert.equal((await ask('other'))[0], '404')
    assert.equal((await nats.request(`${name}.ask.one.echo`, 'x')).string(), 'x')
    assert.equal(errors.length, 2)
  })

  test('tells clients nothing, whatever a route leads to', async (t) => {
    const { name } = await start(t)
    const nats = await client(t)
    for (const subject of [
      `${name}.ask.one.echo`,
      `${name}.ask.all.echo`,
      `$SRV.PING.${name}`,
      `$SRV.INFO.${name}.one`,
    ]) {
      for (const field of ['Sx', 'sx', 'SX']) {
        const fields = headers()
        fields.append(field, 'open 1')
        const answer = await nats.request(subject, '', { headers: fields, timeout: 2000 })
        assert.deepEqual([errorOf(answer)[0], answer.data.length], ['403', 0], `${subject} ${field}`)
      }
    }
  })

  test('answers to subjects of peers alone', async (t) => {
    const { name } = await start(t)
    const nats = await client(t)
    const seen: string[] = []
    nats.subscribe('$JS.>', { callback: (_error, { subject }) => void seen.push(subject) })
    nats.publish(`${name}.ask.one.echo`, 'x', { reply: `$JS.API.${name}` })
    nats.publish(`${name}.ask.one.echo`, 'x')
    // Comes after both, on the same connections.
    assert.equal((await nats.request(`${name}.ask.one.echo`, 'x')).string(), 'x')
    assert.deepEqual(
      seen.filter((subject) => subject.endsWith(name)),
      [],
    )
  })

  test('spends a tenth of its time at most, whoever asks', async (t) => {
    let nowMs = 0
    const slow: ServiceEndpoint = {
      name: 'slow',
      answer: () => {
        nowMs += 60
        return { data: Buffer.from('done') }
      },
    }
    const { name } = await start(t, { endpoints: [slow], now: () => nowMs })
    const nats = await client(t)
    const ask = () => nats.request(`${name}.ask.one.slow`)
    assert.equal((await ask()).string(), 'done')
    assert.equal((await ask()).string(), 'done')
    assert.equal(errorOf(await ask())[0], '429')
    nowMs = 999
    assert.equal(errorOf(await ask())[0], '429')
    nowMs = 1000
    assert.equal((await ask()).string(), 'done')
  })

  test('is there again after a reconnect, and gone when it stops', async (t) => {
    const server = await startNats()
    t.after(() => server.stop())
    const { name, responder, link } = await start(t, { url: server.url })
    await server.kill()
    await eventually('it is gone', () => !link.connected)
    const next = await startNats({ port: server.port })
    t.after(() => next.stop())
    await eventually('it is back', () => link.connected)
    const nats = await client(t, next.url)
    const answer = await eventually('it answers', () => nats.request(`${name}.ask.one.echo`, 'x', { timeout: 500 }))
    assert.equal(answer.string(), 'x')
    responder.stop()
    await link.client?.flush()
    assert.equal(await failure(nats, `${name}.ask.one.echo`), '503')
    assert.equal(await failure(nats, `$SRV.PING.${name}`), '503')
  })

  test('goes on without the permission, and says once what to grant', async (t) => {
    const directory = await temporaryDirectory()
    t.after(() => rm(directory, { recursive: true, force: true }))
    const file = join(directory, 'nats.conf')
    const permissions = '{ publish: [">"], subscribe: ["_INBOX.>", "x.>"] }'
    await writeFile(file, `authorization { users: [{ user: u, password: p, permissions: ${permissions} }] }\n`)
    const server = await startNats({ args: ['-c', file] })
    t.after(() => server.stop())
    const warnings: string[] = []
    const errors: object[] = []
    const logger = {
      ...silentLogger,
      warn: (_fields: object, message: string) => void warnings.push(message),
      error: (fields: object) => void errors.push(fields),
    }
    const { link } = await start(t, { url: server.url.replace('//', '//u:p@'), logger })
    await eventually('a warning', () => warnings.length > 0)
    await link.client?.flush()
    assert.equal(warnings.length, 1)
    assert.match(warnings[0]!, /subscribe to \$SRV\.> and .*\.ask\.>, or set nats\.service to false/)
    assert.deepEqual(errors, [])
    assert.equal(link.connected, true)
  })
})
