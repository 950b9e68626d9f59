import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { type ConnectionOptions, NatsError } from 'nats'
import { serve } from '../../src/backend/index.ts'
import { freePort } from '../support/free-port.ts'
import { startNats } from '../support/nats.ts'

const USER = ['--user', 'me', '--pass', 'p@ss']

describe('a backend connects', () => {
  async function start(t: TestContext, args: readonly string[]) {
    const nats = await startNats({ args })
    t.after(() => nats.stop())
    return `127.0.0.1:${nats.port}`
  }

  async function succeed(nats: ConnectionOptions) {
    const service = await serve({ nats, name: 'connect', version: '1.0.0' })
    await service.drain(0)
  }

  /** Why it does not. */
  async function fail(nats: ConnectionOptions): Promise<Error> {
    const error: unknown = await serve({ nats, name: 'connect', version: '1.0.0' }).then(
      (service) => service.drain(0),
      (error: unknown) => error,
    )
    assert.ok(error instanceof Error)
    return error
  }

  test('with user and password in a URL, percent-encoded', async (t) => {
    const address = await start(t, USER)
    await succeed({ servers: `nats://me:p%40ss@${address}` })
    await succeed({ servers: [`nats://127.0.0.1:${await freePort()}`, `me:p%40ss@${address}`] })
  })

  test('by a port alone', async (t) => {
    const [, port] = (await start(t, [])).split(':')
    await succeed({ port: Number(port) })
  })

  test('with a token in a URL', async (t) => {
    const address = await start(t, ['--auth', 't0ken'])
    await succeed({ servers: `nats://t0ken@${address}` })
  })

  test('with options beside a URL, which win over what it has', async (t) => {
    const address = await start(t, USER)
    await succeed({ servers: address, user: 'me', pass: 'p@ss' })
    await succeed({ servers: `nats://other:one@${address}`, user: 'me', pass: 'p@ss' })
  })

  test('or says that the server refuses the credentials, and where they are set', async (t) => {
    const address = await start(t, USER)
    const refused = await fail({ servers: `nats://me:s3cret@${address}` })
    assert.match(
      refused.message,
      /^no connection with NATS at nats:\/\/127\.0\.0\.1:\d+: the server refuses our cred.*nats/,
    )
    assert.doesNotMatch(refused.message, /s3cret/)
    assert.ok(refused.cause instanceof NatsError)
    assert.match((await fail({ servers: address, user: 'me', pass: 'x' })).message, /refuses our credentials/)
    assert.match((await fail({ servers: address })).message, /wants credentials, and there are none/)
  })

  test('or says that nobody is there', async () => {
    const port = await freePort()
    const expected = new RegExp(`^NATS is not reachable at nats://127\\.0\\.0\\.1:${port}: .*in nats\\.servers`)
    assert.match((await fail({ servers: `nats://me:s3cret@127.0.0.1:${port}` })).message, expected)
    assert.match((await fail({ port })).message, new RegExp(`127\\.0\\.0\\.1:${port}`))
  })

  test('or says that a URL is not percent-encoded, and nothing of it', async () => {
    const { message } = await fail({ servers: 'nats://me:50%off@127.0.0.1:1' })
    assert.match(message, /not percent-encoded/)
    assert.doesNotMatch(message, /50%off|reachable/)
  })

  for (const password of ['s3c@ret', 's3c/ret']) {
    test(`or says how to write ${password}, and nothing of it`, async () => {
      const { message, cause } = await fail({ servers: `nats://me:${password}@127.0.0.1:1` })
      assert.match(message, /write %40 or %2F/)
      assert.doesNotMatch(message, /s3c|ret@/)
      assert.equal(cause, undefined)
    })
  }

  test('and never in plain text where a URL says tls', async (t) => {
    const address = await start(t, USER)
    assert.match((await fail({ servers: `tls://me:p%40ss@${address}` })).message, /does not speak TLS/)
  })
})
