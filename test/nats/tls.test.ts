import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, type TestContext, test } from 'node:test'
import { NatsLink, type NatsLinkOptions } from '../../src/nats/connection.ts'
import { type Authority, createAuthority, temporaryFiles } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { startNats } from '../support/nats.ts'
import { needs } from '../support/needs.ts'
import { silentLogger } from '../support/silent-logger.ts'

const skip = needs(spawnSync('openssl', ['version']).status === 0, 'openssl is not here')

interface ServerOptions {
  readonly altNames?: string
  readonly expired?: boolean
  /** Lets nobody in whose certificate it does not know. */
  readonly verify?: boolean
}

describe('a link to NATS over TLS', { skip }, () => {
  async function start(t: TestContext, options: ServerOptions = {}) {
    const authority = createAuthority(temporaryFiles(t))
    const { cert, key } = authority.issue('server', options)
    const args = ['--tls', '--tlscert', cert, '--tlskey', key]
    const nats = await startNats({
      args: options.verify ? [...args, '--tlsverify', '--tlscacert', authority.cert] : args,
    })
    t.after(() => nats.stop())
    return { authority, port: nats.port }
  }

  /** Resolves when it is connected, or with why it is not. */
  async function connect(t: TestContext, options: Pick<NatsLinkOptions, 'servers' | 'tls'>) {
    let failure: string | undefined
    const error = (fields: object) => {
      if ('err' in fields && fields.err instanceof Error) failure ??= fields.err.message
    }
    const link = new NatsLink({ ...options, name: 'test', logger: { ...silentLogger, error } })
    t.after(() => link.close())
    link.start()
    await eventually('it is connected, or is not', () => link.connected || failure !== undefined)
    return { link, failure }
  }

  const trusting = ({ cert }: Authority) => ({ ca: cert })

  for (const host of ['localhost', '127.0.0.1']) {
    test(`trusts the authority that it is told, for ${host}, and carries messages`, async (t) => {
      const { authority, port } = await start(t)
      for (const scheme of ['tls', 'nats']) {
        const servers = [`${scheme}://${host}:${port}`]
        const { link, failure } = await connect(t, { servers, tls: trusting(authority) })
        assert.equal(failure, undefined)
        await link.client!.flush()
      }
    })
  }

  test('shows its own certificate to a server that asks for one', async (t) => {
    const { authority, port } = await start(t, { verify: true })
    const servers = [`tls://localhost:${port}`]
    const { link, failure } = await connect(t, {
      servers,
      tls: { ...trusting(authority), ...authority.issue('router') },
    })
    assert.equal(failure, undefined)
    await link.client!.flush()
  })

  test('says what is wrong with the certificate of a server', async (t) => {
    const unknown = await start(t)
    const { failure } = await connect(t, { servers: [`tls://localhost:${unknown.port}`] })
    assert.match(failure!, /authority that is not known here: name its certificate in nats\.tls\.ca/)

    const expired = await start(t, { expired: true })
    const late = await connect(t, { servers: [`tls://localhost:${expired.port}`], tls: trusting(expired.authority) })
    assert.match(late.failure!, /has expired/)

    const other = await start(t, { altNames: 'DNS:other.example,DNS:localhost' })
    const servers = [`tls://127.0.0.1:${other.port}`]
    const wrong = await connect(t, { servers, tls: trusting(other.authority) })
    // Not even though it is for localhost, which is what Node would ask for.
    assert.match(wrong.failure!, /for another name .*127\.0\.0\.1/)
  })

  test('says that a server asks for a certificate', async (t) => {
    const { authority, port } = await start(t, { verify: true })
    const { failure } = await connect(t, { servers: [`tls://localhost:${port}`], tls: trusting(authority) })
    assert.match(failure!, /if it wants a certificate of ours, name that in nats\.tls\.cert/)
  })

  test('does not go on in plain text with a server that does not speak TLS', async (t) => {
    const nats = await startNats()
    t.after(() => nats.stop())
    for (const options of [
      { servers: [`tls://127.0.0.1:${nats.port}`] },
      { servers: [`nats://127.0.0.1:${nats.port}`], tls: {} },
    ]) {
      const { link, failure } = await connect(t, options)
      assert.match(failure!, /the server does not speak TLS/)
      assert.equal(link.connected, false)
    }
  })

  test('says which file cannot be read', async (t) => {
    const { port } = await start(t)
    const { failure } = await connect(t, { servers: [`tls://localhost:${port}`], tls: { ca: '/nowhere/ca.crt' } })
    assert.match(failure!, /\/nowhere\/ca\.crt/)
  })
})
