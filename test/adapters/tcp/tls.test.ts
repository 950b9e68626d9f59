import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { connect as connectPlain } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, type TestContext, test } from 'node:test'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { TlsIdentity } from '../../../src/adapters/tls/tls-identity.ts'
import type { TlsOptions } from '../../../src/adapters/tls/tls-options.ts'
import { ExchangeError } from '../../../src/exchange/errors.ts'
import type { Logger } from '../../../src/exchange/logger.ts'
import { createAuthority, createCertificate, type KeyPair, temporaryFiles } from '../../support/certificates.ts'
import { eventually } from '../../support/eventually.ts'
import { needs } from '../../support/needs.ts'
import { silentLogger } from '../../support/silent-logger.ts'
import { echo, startMuxTcp, startRawTcp } from './start-tcp.ts'
import { connectTcp, watch } from './tcp-client.ts'

const skip = needs(spawnSync('openssl', ['version']).status === 0, 'openssl is not here')

async function connectTls(t: TestContext, port: number): Promise<TLSSocket> {
  const raw = connectPlain({ port, host: '127.0.0.1', allowHalfOpen: true })
  t.after(() => void raw.destroy())
  const socket = connect({ socket: raw, rejectUnauthorized: false })
  socket.allowHalfOpen = true
  await once(socket, 'secureConnect')
  return socket
}

describe('a TCP listener with TLS', { skip }, () => {
  test('carries an exchange with half-close in both directions', async (t) => {
    const tcp = await startRawTcp(t, { handler: echo, tls: createCertificate(temporaryFiles(t), 'one') })
    const client = watch(await connectTls(t, tcp.port))
    const sent = Buffer.alloc(3 * 1024 * 1024, 'tls ')
    client.socket.end(sent)
    assert.equal(await client.outcome, 'end')
    assert.ok(client.received().equals(sent))
    await tcp.assertIdle()
    assert.deepEqual(
      tcp.ended.map(({ code, remote }) => [code, remote]),
      [['ok', '127.0.0.1']],
    )
  })

  test('is no end for the backend when the client resets right behind its last bytes', async (t) => {
    const heard: string[] = []
    const tcp = await startRawTcp(t, {
      tls: createCertificate(temporaryFiles(t), 'one'),
      handler(stream) {
        stream.accept(1, 64 * 1024)
        return {
          data: () => heard.push('data') > 0,
          end: () => heard.push('end'),
          reset: ({ code }) => heard.push(code),
        }
      },
    })
    const raw = connectPlain({ port: tcp.port, host: '127.0.0.1' })
    const socket = connect({ socket: raw, rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    await eventually('the exchange', () => tcp.backend.open === 1)
    socket.write(Buffer.alloc(32 * 1024), () => raw.resetAndDestroy())
    await eventually('the reset', () => heard.at(-1) === 'client_gone')
    assert.equal(heard.includes('end'), false)
    await tcp.assertIdle()
  })

  test('is cut by what is no TLS, after the handshake too', async (t) => {
    const tcp = await startRawTcp(t, { handler: echo, tls: createCertificate(temporaryFiles(t), 'one') })
    const raw = connectPlain({ port: tcp.port, host: '127.0.0.1' })
    const socket = connect({ socket: raw, rejectUnauthorized: false })
    socket.on('error', () => {})
    await once(socket, 'secureConnect')
    await eventually('the exchange', () => tcp.backend.open === 1)
    raw.write('this is no record of TLS')
    await eventually('the cut', () => tcp.ended.length === 1)
    assert.equal(tcp.ended[0]!.code, 'client_gone')
    await tcp.assertIdle()
  })

  test('resets the connection below it when the exchange is reset, from either end', async (t) => {
    const tcp = await startRawTcp(t, {
      tls: createCertificate(temporaryFiles(t), 'one'),
      handler(stream) {
        stream.accept(1, 64 * 1024)
        return {
          data: () => {
            stream.reset(new ExchangeError('backend_error', 'test'))
            return true
          },
        }
      },
    })
    const client = watch(await connectTls(t, tcp.port))
    client.socket.write('x')
    assert.equal(await client.outcome, 'reset')
    await tcp.assertIdle()

    const raw = connectPlain({ port: tcp.port, host: '127.0.0.1' })
    const socket = connect({ socket: raw, rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    await eventually('the exchange', () => tcp.backend.open === 1)
    raw.resetAndDestroy()
    await tcp.assertIdle()
    assert.deepEqual(
      tcp.ended.map(({ code }) => code),
      ['backend_error', 'client_gone'],
    )
  })

  test('resets what is no TLS, and lets go of a client that leaves in the middle of the handshake', async (t) => {
    const tcp = await startRawTcp(t, { handler: echo, tls: createCertificate(temporaryFiles(t), 'one') })
    const plain = connectTcp(t, tcp.port)
    plain.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await plain.outcome
    for (const leave of ['end', 'resetAndDestroy'] as const) {
      const client = connectTcp(t, tcp.port)
      // The beginning of a ClientHello.
      client.socket.write(Buffer.from('16030100c8010000c4', 'hex'))
      await eventually('it is in', () => tcp.adapter.connections === 1)
      client.socket[leave]()
      await tcp.assertIdle()
    }
    assert.equal(tcp.ended.length, 0)
  })

  test('shows new connections a new certificate and leaves old ones as they are', async (t) => {
    const directory = temporaryFiles(t)
    const authority = createAuthority(directory)
    const [one, two] = [authority.issue('one', { days: 60 }), authority.issue('two', { days: 30 })]
    const live = { cert: join(directory, 'live.crt'), key: join(directory, 'live.key') }
    const files = { ...live, clientCa: undefined, clientAuth: 'none' } as const
    const use = ({ cert, key }: KeyPair) => {
      copyFileSync(cert, files.cert)
      copyFileSync(key, files.key)
    }
    use(one)
    const tcp = await startRawTcp(t, { handler: echo, tls: files, certificatePollMs: 20 })
    const name = (socket: TLSSocket) => socket.getPeerCertificate().subject.CN
    const old = watch(await connectTls(t, tcp.port))
    assert.equal(name(old.socket as TLSSocket), 'one')
    const expiresAtMs = tcp.adapter.certificateExpiresAtMs!
    use(two)
    await eventually('the new certificate', async () => {
      const socket = await connectTls(t, tcp.port)
      const isNew = name(socket) === 'two'
      socket.destroy()
      return isNew
    })
    assert.ok(tcp.adapter.certificateExpiresAtMs! < expiresAtMs)
    old.socket.end('still there')
    assert.equal(await old.outcome, 'end')
    assert.equal(old.received().toString(), 'still there')
  })
})

describe('a TCP listener that asks for certificates of clients', { skip }, () => {
  async function start(t: TestContext, clientAuth: TlsOptions['clientAuth']) {
    const authority = createAuthority(temporaryFiles(t))
    const tls = { ...authority.issue('one'), clientCa: authority.cert, clientAuth }
    return { authority, tcp: await startRawTcp(t, { handler: echo, tls }) }
  }
  const shown = ({ cert, key }: KeyPair): ConnectionOptions => ({ cert: readFileSync(cert), key: readFileSync(key) })

  /** What it gets back, or undefined if it is cut. */
  async function say(t: TestContext, port: number, options: ConnectionOptions): Promise<string | undefined> {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
    t.after(() => void socket.destroy())
    socket.end('hello')
    return text(socket).then(
      (answer) => answer || undefined,
      () => undefined,
    )
  }

  test('tells who the client is, and takes one without a certificate where it is optional', async (t) => {
    const { authority, tcp } = await start(t, 'request')
    assert.equal(await say(t, tcp.port, shown(authority.issue('alice'))), 'hello')
    assert.equal(await say(t, tcp.port, {}), 'hello')
    await tcp.assertIdle()
    assert.deepEqual(
      tcp.ended.map(({ client }) => client),
      ['alice', undefined],
    )
  })

  test('tells so on a mux connection', async (t) => {
    const authority = createAuthority(temporaryFiles(t))
    const tls = { ...authority.issue('one'), clientCa: authority.cert, clientAuth: 'require' } as const
    const tcp = await startMuxTcp(t, [], { tls })
    const socket = connect({
      port: tcp.port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ...shown(authority.issue('bob')),
    })
    socket.end('{"t":"open","id":1,"path":"/nowhere"}\n')
    assert.match(await text(socket), /no_route/)
    await tcp.assertIdle()
    assert.deepEqual(
      tcp.ended.map(({ client }) => client),
      ['bob'],
    )
  })

  test('lets nobody in without a certificate, where one is required', async (t) => {
    const { authority, tcp } = await start(t, 'require')
    assert.equal(await say(t, tcp.port, {}), undefined)
    assert.equal(await say(t, tcp.port, { maxVersion: 'TLSv1.2' }), undefined)
    assert.equal(await say(t, tcp.port, shown(authority.issue('alice'))), 'hello')
    await tcp.assertIdle()
    assert.equal(tcp.ended.length, 1)
  })

  test('lets nobody in whose certificate is of another authority, or too old', async (t) => {
    for (const clientAuth of ['request', 'require'] as const) {
      const { authority, tcp } = await start(t, clientAuth)
      const strangers = createAuthority(temporaryFiles(t), 'another authority')
      for (const pair of [strangers.issue('mallory'), authority.issue('late', { expired: true })]) {
        assert.equal(await say(t, tcp.port, shown(pair)), undefined)
      }
      await tcp.assertIdle()
      assert.equal(tcp.ended.length, 0)
      assert.deepEqual(tcp.warnings, ['a connection was reset: its client has no certificate that is let in'])
    }
  })

  test('lets in those of other authorities when its file of them changes, without a restart', async (t) => {
    const directory = temporaryFiles(t)
    const [before, after] = [createAuthority(directory), createAuthority(directory, 'another authority')]
    const clientCa = join(directory, 'clients.crt')
    copyFileSync(before.cert, clientCa)
    const tls = { ...before.issue('one'), clientCa, clientAuth: 'require' } as const
    const { port } = await startRawTcp(t, { handler: echo, tls, certificatePollMs: 20 })
    const [old, next] = [shown(before.issue('old')), shown(after.issue('next'))]
    assert.equal(await say(t, port, next), undefined)
    const first = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...old })
    const [session] = (await once(first, 'session')) as [Buffer]

    copyFileSync(after.cert, clientCa)
    await eventually('the next is let in', async () => (await say(t, port, next)) === 'hello')
    assert.equal(await say(t, port, old), undefined)
    // What was found good before is no way in, either.
    assert.equal(await say(t, port, { ...old, session }), undefined)
    first.end('still there')
    assert.equal(await text(first), 'still there')
  })

  test('knows the client of a session that is resumed', async (t) => {
    const { authority, tcp } = await start(t, 'require')
    const pair = shown(authority.issue('alice'))
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const options = { port: tcp.port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion, ...pair }
      const first = connect(options)
      const [session] = (await once(first, 'session')) as [Buffer]
      first.end()
      const second = connect({ ...options, session })
      await once(second, 'secureConnect')
      assert.equal(second.isSessionReused(), true, maxVersion)
      second.end('hello')
      assert.equal(await text(second), 'hello')
    }
    await tcp.assertIdle()
    assert.deepEqual(new Set(tcp.ended.map(({ client }) => client)), new Set(['alice']))
  })
})

describe('TlsIdentity', { skip }, () => {
  test('keeps the old certificate while the new pair cannot be used', async (t) => {
    const directory = temporaryFiles(t)
    const files = createCertificate(directory, 'one')
    const other = createCertificate(directory, 'two')
    const lines: string[] = []
    const log = (_fields: object, message: string) => void lines.push(message)
    const logger: Logger = { ...silentLogger, info: log, warn: log }
    const identity = await TlsIdentity.load(files, logger, 20)
    t.after(() => identity.close())
    const { context } = identity

    copyFileSync(other.cert, files.cert)
    await eventually('a warning', () => lines.some((line) => /cannot be used; the old one stays/.test(line)))
    assert.equal(identity.context, context)
    copyFileSync(other.key, files.key)
    await eventually('the new pair', () => identity.context !== context)
    writeFileSync(files.cert, 'no certificate')
    const warned = lines.length
    await eventually('another warning', () => lines.length > warned)
    assert.notEqual(identity.context, context)
  })

  test('says which files cannot be used', async (t) => {
    const files = createCertificate(temporaryFiles(t), 'one')
    await assert.rejects(
      TlsIdentity.load({ ...files, key: '/nowhere/x.key' }, silentLogger),
      /cannot use the TLS certificate .*one\.crt with the key \/nowhere\/x\.key: .*ENOENT/,
    )
  })
})
