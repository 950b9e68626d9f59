import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, type TestContext, test } from 'node:test'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { WebSocket } from 'ws'
import type { TlsOptions } from '../../../src/adapters/tls/tls-options.ts'
import { ExchangeError } from '../../../src/exchange/errors.ts'
import { type Authority, createAuthority, type KeyPair, temporaryFiles } from '../../support/certificates.ts'
import { eventually } from '../../support/eventually.ts'
import { needs } from '../../support/needs.ts'
import { startTlsWebListener } from '../../support/tls-web-listener.ts'

const skip = needs(spawnSync('openssl', ['version']).status === 0, 'openssl is not here')

const GET = 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n'
const NO_CLIENTS = { clientCa: undefined, clientAuth: 'none' } as const

interface Answer {
  readonly status: number
  readonly body: string
  /** The subject of its certificate. */
  readonly server: string | undefined
  /** The client's end. */
  readonly localPort: number
}

type AskOptions = RequestOptions & Pick<ConnectionOptions, 'session'>

function ask(port: number, authority: Authority, options: AskOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const ca = readFileSync(authority.cert)
    const req = httpsRequest({ host: '127.0.0.1', port, path: '/', ca, agent: false, ...options }, (res) => {
      const socket = res.socket as TLSSocket
      const seen = {
        status: res.statusCode!,
        server: socket.getPeerX509Certificate()?.subject,
        localPort: socket.localPort!,
      }
      let body = ''
      res.on('data', (chunk) => {
        body += chunk
      })
      res.on('error', reject)
      res.on('end', () => resolve({ ...seen, body }))
    })
    req.on('error', reject)
    req.end()
  })
}

/** What a client resumes with. */
async function sessionOf(port: number, options: ConnectionOptions): Promise<Buffer> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
  socket.write(GET)
  const [session] = (await once(socket, 'session')) as [Buffer]
  socket.destroy()
  return session
}

function shown({ cert, key }: KeyPair) {
  return { cert: readFileSync(cert), key: readFileSync(key) }
}

describe('an HTTP listener with TLS', { skip }, () => {
  test('answers HTTPS and WebSockets, and cuts what is no TLS', async (t) => {
    const authority = createAuthority(temporaryFiles(t))
    const { port, listener } = await startTlsWebListener(t, { ...authority.issue('one'), ...NO_CLIENTS })
    const answer = await ask(port, authority)
    assert.deepEqual([answer.status, answer.body, answer.server], [200, 'nobody', 'CN=one'])
    const socket = new WebSocket(`wss://127.0.0.1:${port}/`, { ca: readFileSync(authority.cert) })
    await once(socket, 'open')
    socket.send('x')
    assert.equal(String((await once(socket, 'message'))[0]), 'nobody')
    socket.close()
    await assert.rejects(fetch(`http://127.0.0.1:${port}/`))
    await eventually('no connection is left', () => listener.connections === 0)
  })

  test('shows a new certificate to new connections and loses none while it changes', async (t) => {
    const directory = temporaryFiles(t)
    const authority = createAuthority(directory)
    const pairs = [authority.issue('one'), authority.issue('two')] as const
    const live = { cert: join(directory, 'live.crt'), key: join(directory, 'live.key') }
    const use = (pair: KeyPair) => {
      copyFileSync(pair.cert, live.cert)
      copyFileSync(pair.key, live.key)
    }
    use(pairs[0])
    const { port, log, listener } = await startTlsWebListener(t, { ...live, ...NO_CLIENTS })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    t.after(() => agent.destroy())
    const oldConnection = { agent, ca: readFileSync(authority.cert) }
    const first = await ask(port, authority, oldConnection)
    assert.ok(Math.abs(listener.certificateExpiresAtMs! - Date.now() - 90 * 86_400_000) < 3_600_000)
    assert.equal(first.server, 'CN=one')

    const reloads = () => log.filter((line) => /was read again/.test(line)).length
    let asking = true
    let answers = 0
    const client = async () => {
      for (; asking; answers++) assert.equal((await ask(port, authority)).status, 200)
    }
    const clients = Promise.all([client(), client(), client(), client()])
    // Also fails the test, where they would wait for an end that does not come.
    clients.catch(() => {})
    for (let i = 1; i <= 10; i++) {
      use(pairs[i % 2]!)
      await eventually('it is read', () => reloads() >= i)
      const before = answers
      await eventually('clients go on', () => answers >= before + 8)
    }
    use(pairs[1])
    await eventually('the new one is shown', async () => (await ask(port, authority)).server === 'CN=two')
    const again = await ask(port, authority, oldConnection)
    assert.deepEqual([again.status, again.localPort], [200, first.localPort])
    asking = false
    await clients
    agent.destroy()
    await eventually('no connection is left', () => listener.connections === 0)
  })

  test('keeps the old certificate while the new pair cannot be used', async (t) => {
    const directory = temporaryFiles(t)
    const authority = createAuthority(directory)
    const [one, two] = [authority.issue('one'), authority.issue('two')]
    const { port, log } = await startTlsWebListener(t, { ...one, ...NO_CLIENTS })
    copyFileSync(two.cert, one.cert)
    await eventually('a warning', () => log.some((line) => /cannot be used; the old one stays/.test(line)))
    assert.equal((await ask(port, authority)).server, 'CN=one')
    copyFileSync(two.key, one.key)
    await eventually('the new one', async () => (await ask(port, authority)).server === 'CN=two')
  })

  test('does not start with files that cannot be used, and says which', async (t) => {
    const directory = temporaryFiles(t)
    const authority = createAuthority(directory)
    const pair = authority.issue('one')
    const notAuthority = join(directory, 'empty.crt')
    writeFileSync(notAuthority, 'nothing')
    await assert.rejects(
      startTlsWebListener(t, { ...pair, ...NO_CLIENTS, key: '/nowhere.key' }),
      /\/nowhere\.key: .*ENOENT/,
    )
    const exotic = authority.issue('exotic', { keyType: ['-newkey', 'ed448'] })
    await assert.rejects(
      startTlsWebListener(t, { ...exotic, ...NO_CLIENTS }),
      /exotic\.key for HTTP: use an RSA or P-256 key/,
    )
    await assert.rejects(
      startTlsWebListener(t, { ...pair, clientCa: notAuthority, clientAuth: 'require' }),
      /and the authorities .*empty\.crt: /,
    )
  })
})

describe('an HTTP listener that asks for certificates of clients', { skip }, () => {
  async function start(t: TestContext, clientAuth: TlsOptions['clientAuth']) {
    const directory = temporaryFiles(t)
    const authority = createAuthority(directory)
    const strangers = createAuthority(directory, 'another authority')
    const web = await startTlsWebListener(t, { ...authority.issue('one'), clientCa: authority.cert, clientAuth })
    return { ...web, authority, strangers }
  }

  test('tells who the client is, and takes one without a certificate where it is optional', async (t) => {
    const { port, requests, authority } = await start(t, 'request')
    const altNames = 'DNS:alice.example.com,URI:spiffe://example.com/alice,email:alice@example.com,IP:192.0.2.1'
    const alice = authority.issue('alice', { subject: '/C=DE/O=Acme, Inc', altNames })
    const answer = await ask(port, authority, shown(alice))
    assert.equal(answer.body, 'alice')
    const fingerprint = spawnSync('openssl', ['x509', '-in', alice.cert, '-noout', '-fingerprint', '-sha256'])
    const { expiresAtMs, ...certificate } = requests[0]!.certificate!
    // Of 90 days, made just now.
    assert.ok(Math.abs(expiresAtMs - Date.now() - 90 * 86_400_000) < 3_600_000)
    assert.deepEqual(certificate, {
      subject: 'C=DE, O=Acme\\, Inc, CN=alice',
      commonName: 'alice',
      altNames: ['DNS:alice.example.com', 'URI:spiffe://example.com/alice', 'email:alice@example.com', 'IP:192.0.2.1'],
      fingerprint: String(fingerprint.stdout).trim().split('=')[1]!.replaceAll(':', '').toLowerCase(),
    })
    assert.equal((await ask(port, authority)).body, 'nobody')
  })

  test('tells so on a WebSocket too, for each of its requests', async (t) => {
    const { port, authority } = await start(t, 'require')
    const socket = new WebSocket(`wss://127.0.0.1:${port}/`, {
      ca: readFileSync(authority.cert),
      ...shown(authority.issue('alice')),
    })
    await once(socket, 'open')
    socket.send('x')
    assert.equal(String((await once(socket, 'message'))[0]), 'alice')
    socket.close()
  })

  test('answers a client without one with why, over HTTP and WebSocket, and closes', async (t) => {
    const { port, requests, authority } = await start(t, 'require')
    const client = connect({ port, host: '127.0.0.1', ca: readFileSync(authority.cert) })
    client.write(GET)
    const answer = await text(client)
    assert.match(answer, /^HTTP\/1\.1 400 /)
    assert.match(answer, /"detail":"The request has no client certificate, and needs one here"/)
    const socket = new WebSocket(`wss://127.0.0.1:${port}/`, { ca: readFileSync(authority.cert) })
    const [error] = await once(socket, 'error')
    assert.match(String(error), /400/)
    assert.equal(requests.length, 0)
  })

  test('answers a client without one with why also while it takes no requests', async (t) => {
    const directory = temporaryFiles(t)
    const authority = createAuthority(directory)
    const tls = { ...authority.issue('one'), clientCa: authority.cert, clientAuth: 'require' } as const
    const gate = { admits: () => false, refusal: new ExchangeError('busy', 'too much of everything') }
    const { port } = await startTlsWebListener(t, tls, gate)
    const alice = shown(authority.issue('alice'))
    // The first is read in any case.
    for (let i = 0; i < 3; i++) {
      assert.equal((await ask(port, authority, alice)).status, 503)
      assert.equal((await ask(port, authority)).status, 400)
    }
  })

  test('ends the handshake of a client whose certificate is of another authority, or too old', async (t) => {
    for (const clientAuth of ['request', 'require'] as const) {
      const { port, requests, authority, strangers } = await start(t, clientAuth)
      for (const pair of [strangers.issue('mallory'), authority.issue('late', { expired: true })]) {
        await assert.rejects(ask(port, authority, shown(pair)))
      }
      assert.equal(requests.length, 0)
    }
  })

  test('lets in those of other authorities when its file of them changes, without a restart', async (t) => {
    const directory = temporaryFiles(t)
    const [before, after] = [createAuthority(directory), createAuthority(directory, 'another authority')]
    const clientCa = join(directory, 'clients.crt')
    copyFileSync(before.cert, clientCa)
    const { port, log } = await startTlsWebListener(t, { ...before.issue('one'), clientCa, clientAuth: 'require' })
    const [old, next] = [shown(before.issue('old')), shown(after.issue('next'))]
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    t.after(() => agent.destroy())
    const first = await ask(port, before, { agent, ...old })
    assert.equal(first.body, 'old')
    await assert.rejects(ask(port, before, next))
    const session = await sessionOf(port, old)

    copyFileSync(after.cert, clientCa)
    await eventually('the next is let in', () =>
      ask(port, before, next).then(
        ({ body }) => body === 'next',
        () => false,
      ),
    )
    await assert.rejects(ask(port, before, old))
    // What was found good before is no way in, either.
    await assert.rejects(ask(port, before, { ...old, session }))
    const again = await ask(port, before, { agent, ...old })
    assert.deepEqual([again.body, again.localPort], ['old', first.localPort])

    writeFileSync(clientCa, 'no authority')
    await eventually('a warning', () => log.some((line) => /cannot be used; the old one stays/.test(line)))
    assert.equal((await ask(port, before, next)).body, 'next')
  })

  test('knows the client of a session that is resumed', async (t) => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const { port, authority } = await start(t, 'require')
      const pair = shown(authority.issue('alice'))
      const ca = readFileSync(authority.cert)
      const socket = connect({ port, host: '127.0.0.1', ca, maxVersion, ...pair })
      // Sent behind the handshake in TLS 1.3, and by uWebSockets not before an answer.
      socket.write(GET)
      const [session] = (await once(socket, 'session')) as [Buffer]
      socket.destroy()
      const resumed = connect({ port, host: '127.0.0.1', ca, maxVersion, session, ...pair })
      await once(resumed, 'secureConnect')
      assert.equal(resumed.isSessionReused(), true, maxVersion)
      resumed.write(GET.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'))
      assert.match(await text(resumed), /alice$/)
    }
  })
})
