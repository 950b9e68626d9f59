import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connect, headers, type NatsConnection } from 'nats'
import { natsUrl, startNats } from '../support/nats.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { runCli } from './run-cli.ts'

const ROUTES = `
version: 1
routes:
  - { name: one, match: { methods: [POST], path: "/call/{verb}" }, subject: "clitest.{verb}" }
  - { name: gold, match: { host: "*.example.com", path: "/tier", headers: { x-tier: gold } }, subject: clitest.echo }
  - { name: guarded, match: { path: "/guarded" }, subject: clitest.refuse, policies: [{ apiKey: {} }] }
  - { name: mine, match: { path: "/mine" }, subject: "clitest.{claims.sub}" }
  - { name: tenant, match: { path: "/tenant/{w}" }, subject: "clitest.{w}", params: { w: { workspace: true } } }
  - { name: ticks, match: { path: "/ticks" }, subject: clitest.ticks, reply: many }
`

describe('engine-router call', () => {
  let cwd: string
  let env: NodeJS.ProcessEnv
  let backend: NatsConnection

  before(async () => {
    cwd = await mkdtemp(join(tmpdir(), 'engine-router-call-'))
    await writeFile(join(cwd, 'routes.yaml'), ROUTES)
    env = { NATS_URL: await natsUrl() }
    backend = await connect({ servers: env.NATS_URL!, inboxPrefix: '_INBOX' })
    backend.subscribe('clitest.echo', {
      callback: (_error, message) => {
        const head = headers()
        head.set('content-type', 'text/plain')
        head.set('x-tier', message.headers?.get('x-tier') || 'none')
        message.respond(Buffer.concat([Buffer.from('got '), message.data]), { headers: head })
      },
    })
    backend.subscribe('clitest.binary', { callback: (_error, message) => message.respond(Uint8Array.of(0xff, 0x00)) })
    backend.subscribe('clitest.silent', { callback: () => {} })
    backend.subscribe('clitest.refuse', {
      callback: (_error, message) => {
        const head = headers()
        head.set('Sx-Status', '418')
        message.respond('no coffee', { headers: head })
      },
    })
    backend.subscribe('clitest.ticks', {
      callback: (_error, message) => {
        for (const tick of ['1', '2', '3']) message.respond(tick)
        message.respond()
      },
    })
    await backend.flush()
  })
  after(async () => {
    await backend.close()
    await rm(cwd, { recursive: true })
  })

  const call = (...words: string[]) => runCli(['call', ...words], { env, cwd })

  test('prints the body on stdout, and route, subject, status and headers on stderr', async () => {
    const { code, stdout, stderr } = await call('POST', '/call/echo?a=1', '-r', 'routes.yaml', '-d', 'hello')
    assert.equal(code, 0)
    assert.equal(stdout, 'got hello')
    assert.equal(stderr, 'route one, subject clitest.echo\n200\ncontent-type: text/plain\nx-tier: none\n')
  })

  test('matches by host and headers, as the router does', async () => {
    const found = await call('GET', 'http://a.example.com:8080/tier', '-r', 'routes.yaml', '-H', 'X-Tier: gold')
    assert.equal(found.code, 0)
    assert.match(found.stderr, /route gold, subject clitest\.echo\n.*x-tier: gold/s)
    const byHeader = await call('GET', '/tier', '-r', 'routes.yaml', '-H', 'x-tier: gold', '-H', 'Host: b.example.com')
    assert.equal(byHeader.code, 0)
    const missed = await call('GET', 'http://a.example.com/tier', '-r', 'routes.yaml')
    assert.equal(missed.code, 1)
    assert.match(missed.stderr, /error: no_route \(404\): .*routes explain GET \/tier/)
  })

  test('takes the body from a file or from standard input', async () => {
    await writeFile(join(cwd, 'body.txt'), 'from a file')
    const fromFile = await call('POST', '/call/echo', '-r', 'routes.yaml', '-d', '@body.txt')
    assert.equal(fromFile.stdout, 'got from a file')
    const fromStdin = await runCli(['call', 'POST', '/call/echo', '-r', 'routes.yaml', '--data-stdin'], {
      env,
      cwd,
      stdin: 'from a pipe',
    })
    assert.equal(fromStdin.stdout, 'got from a pipe')
  })

  test('writes each reply of a many route as it comes', async () => {
    const { code, stdout } = await call('GET', '/ticks', '--routes', 'routes.yaml')
    assert.equal(code, 0)
    assert.equal(stdout, '1\n2\n3\n')
  })

  test('prints one JSON document and nothing else with --json', async () => {
    const single = await call('POST', '/call/echo', '-r', 'routes.yaml', '-d', 'x', '--json')
    assert.equal(single.stderr, '')
    assert.deepEqual(JSON.parse(single.stdout), {
      route: 'one',
      subject: 'clitest.echo',
      status: 200,
      headers: [
        ['content-type', 'text/plain'],
        ['x-tier', 'none'],
      ],
      body: 'got x',
    })
    assert.equal(JSON.parse((await call('POST', '/call/binary', '-r', 'routes.yaml', '--json')).stdout).b64, '/wA=')
    const many = JSON.parse((await call('GET', '/ticks', '-r', 'routes.yaml', '--json')).stdout)
    assert.deepEqual(many.messages, [{ body: '1' }, { body: '2' }, { body: '3' }])
    const failed = await call('POST', '/call/nobody', '-r', 'routes.yaml', '--json')
    assert.equal(failed.code, 1)
    const { subject, error } = JSON.parse(failed.stdout)
    assert.equal(subject, 'clitest.nobody')
    assert.equal(error.code, 'no_responders')
    assert.equal(error.status, 503)
    assert.match(error.advice, /subscribes to clitest\.nobody/)
  })

  test('sends to a subject of choice, whatever the routes say', async () => {
    const { code, stdout, stderr } = await call('PUT', '/any/path', '--subject', 'clitest.echo', '-d', 'x')
    assert.equal(code, 0)
    assert.equal(stdout, 'got x')
    assert.match(stderr, /subject clitest\.echo/)
    const wildcard = await call('GET', '/', '--subject', 'clitest.*')
    assert.equal(wildcard.code, 2)
    assert.match(wildcard.stderr, /--subject clitest\.\*: /)
  })

  test('fails with the code and what to do', async () => {
    const nobody = await call('GET', '/', '-s', 'clitest.nobody')
    assert.equal(nobody.code, 1)
    assert.match(nobody.stderr, /error: no_responders \(503\): .*'nats reply clitest\.nobody ok'/)
    const silent = await call('GET', '/', '-s', 'clitest.silent', '-t', '100ms')
    assert.equal(silent.code, 1)
    assert.match(silent.stderr, /error: timeout \(504\): /)
    const method = await call('GET', '/call/echo', '-r', 'routes.yaml')
    assert.equal(method.code, 1)
    assert.match(method.stderr, /error: method_not_allowed \(405\): .*POST/)
  })

  test('fails on an error status of the backend, whose body it still prints', async () => {
    const { code, stdout, stderr } = await call('GET', '/', '-s', 'clitest.refuse')
    assert.equal(code, 1)
    assert.equal(stdout, 'no coffee')
    assert.match(stderr, /\n418\n/)
  })

  test('says what it has left out of a route that fails, and nothing of that where it does not matter', async () => {
    const claims = await call('GET', '/mine', '-r', 'routes.yaml')
    assert.equal(claims.code, 1)
    assert.match(claims.stderr, /error: unauthorized \(401\): .*route mine has claims, which call leaves out/)
    const tenant = JSON.parse((await call('GET', '/tenant/acme', '-r', 'routes.yaml', '--json')).stdout)
    assert.equal(tenant.error.code, 'busy')
    assert.match(tenant.error.advice, /route tenant has workspaces, which call leaves out/)

    const guarded = await call('GET', '/guarded', '-r', 'routes.yaml')
    assert.equal(guarded.code, 1)
    assert.match(guarded.stderr, /\n418\n.*route guarded has apiKey, which call leaves out/s)
    assert.match(
      JSON.parse((await call('GET', '/guarded', '-r', 'routes.yaml', '--json')).stdout).advice,
      /route guarded has apiKey/,
    )

    await writeFile(join(cwd, 'guarded.yaml'), 'policies:\n  - jwt: { jwks: keys.json }\n')
    const withDefaults = ['-r', 'routes.yaml', '-c', 'guarded.yaml']
    const refused = await call('POST', '/call/refuse', ...withDefaults)
    assert.match(refused.stderr, /route one has jwt, which call leaves out/)
    for (const words of [
      ['POST', '/call/refuse', '-r', 'routes.yaml'],
      ['POST', '/call/echo', ...withDefaults],
      ['GET', '/', '-s', 'clitest.refuse', '-c', 'guarded.yaml'],
    ]) {
      assert.doesNotMatch((await call(...words)).stderr, /leaves out/, words.join(' '))
    }
  })

  test('stops waiting when it is interrupted', async () => {
    const interrupt = new AbortController()
    const received = new Promise<void>((resolve) => {
      backend.subscribe('clitest.interrupted', { max: 1, callback: () => resolve() })
    })
    await backend.flush()
    const running = runCli(['call', 'GET', '/', '-s', 'clitest.interrupted', '-t', '1m'], {
      env,
      cwd,
      signal: interrupt.signal,
    })
    await received
    interrupt.abort()
    assert.equal((await running).code, 1)
  })

  test('does not begin to wait when it has been interrupted before', async () => {
    const { code } = await runCli(['call', 'GET', '/', '-s', 'clitest.silent', '-t', '1m'], {
      env: { NATS_URL: 'nats://127.0.0.1:1' },
      cwd,
      signal: AbortSignal.abort(),
    })
    assert.equal(code, 1)
  })

  test('reads the routes of the database', async () => {
    const database = await createTestDatabase({ migrated: true })
    try {
      const { code, stderr } = await runCli(['call', 'GET', '/'], { env: { ...env, DATABASE_URL: database.url }, cwd })
      assert.equal(code, 1)
      assert.match(stderr, /no_route/)
    } finally {
      await database.drop()
    }
    const away = await runCli(['call', 'GET', '/'], {
      env: { ...env, DATABASE_URL: 'postgres://x@127.0.0.1:1/x' },
      cwd,
    })
    assert.equal(away.code, 1)
    assert.match(away.stderr, /not reachable.*--routes/)
  })

  test('says where NATS should be when it is not there', async () => {
    const { code, stderr } = await runCli(
      ['call', 'GET', '/', '-s', 'x', '--nats-url', 'nats://me:s3cret@127.0.0.1:1'],
      {
        env,
        cwd,
        signal: AbortSignal.timeout(500),
      },
    )
    assert.equal(code, 1)
    assert.match(stderr, /NATS is not reachable at nats:\/\/\*\*\*@127\.0\.0\.1:1: .*--nats-url or NATS_URL/)
    assert.doesNotMatch(stderr, /s3cret/)
  })

  test('says that NATS refuses the credentials, and where they are set', async (t) => {
    const nats = await startNats({ args: ['--user', 'me', '--pass', 'right'] })
    t.after(() => nats.stop())
    const call = (...words: string[]) =>
      runCli(['call', 'GET', '/', '-s', 'x', ...words], { env, cwd, signal: AbortSignal.timeout(500) })
    const address = `127.0.0.1:${nats.port}`
    const refused = await call('--nats-url', `nats://me:s3cret@${address}`)
    assert.equal(refused.code, 1)
    assert.match(
      refused.stderr,
      /no connection with NATS at nats:\/\/\*\*\*@.*: the server refuses our credentials .*NATS_URL/,
    )
    assert.doesNotMatch(refused.stderr, /s3cret|start it/)
    assert.match((await call('--nats-url', address)).stderr, /the server wants credentials, .*NATS_CREDS/)
    const nowhere = await call('--nats-url', address, '--nats-creds', '/nowhere/a.creds')
    assert.match(nowhere.stderr, /a file of the settings for NATS cannot be read: .*\/nowhere\/a\.creds/)
  })

  test('refuses bad usage', async () => {
    const cases: [string[], RegExp][] = [
      [['GET'], /give a method and a URL or a path/],
      [['GET', 'example.com/x'], /neither a URL .* nor a path/],
      [['GE T', '/'], /is not a method/],
      [['GET', '/', '-H', 'no colon'], /-H "no colon" is not a header/],
      [['GET', '/', '-t', '5'], /--timeout 5: expected a time such as 5s/],
      [['GET', '/', '-d', 'x', '--data-stdin'], /either --data or --data-stdin/],
    ]
    for (const [words, message] of cases) {
      const { code, stderr } = await call(...words)
      assert.equal(code, 2, words.join(' '))
      assert.match(stderr, message)
    }
  })
})
