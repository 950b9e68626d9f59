import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ConfigError } from '../../src/config/config-error.ts'
import { DocumentError } from '../../src/config/document-error.ts'
import { type ConfigFlags, loadConfig } from '../../src/config/load.ts'

describe('loadConfig', () => {
  let cwd: string
  before(async () => {
    cwd = await mkdtemp(join(tmpdir(), 'engine-router-config-'))
    await writeFile(
      join(cwd, 'named.yaml'),
      [
        'listen: { http: { port: 1000 } }',
        'nats: { servers: [nats://from-file], creds: file.creds }',
        'database: { url: postgres://file/db }',
        'log: { level: warn }',
      ].join('\n'),
    )
  })
  after(() => rm(cwd, { recursive: true }))

  const load = (env: NodeJS.ProcessEnv = {}, flags: ConfigFlags = {}) => loadConfig({ flags, env, cwd })

  test('fills in every default when there is no file', async () => {
    assert.deepEqual(await load(), {
      listen: {
        http: {
          host: '0.0.0.0',
          port: 8080,
          reusePort: false,
          origins: undefined,
          mux: true,
          trustedProxies: [],
          tls: undefined,
        },
        admin: { host: '127.0.0.1', port: 9090, reusePort: false, token: undefined },
        tcp: [],
      },
      nats: {
        servers: ['nats://127.0.0.1:4222'],
        inboxPrefix: '_INBOX',
        service: true,
        creds: undefined,
        workspaceCreds: undefined,
        tls: undefined,
      },
      database: { url: 'postgres://engine_router@127.0.0.1:5432/engine_router' },
      routes: { file: undefined, watch: true, cacheFile: '.data/routes-cache.json' },
      limits: {
        bodyBytes: 10_485_760,
        headerBytes: 16_384,
        uriBytes: 8192,
        messageBytes: 1024 * 1024,
        connections: 100_000,
        connectionsPerIp: 1000,
        exchanges: 100_000,
        loopDelayMs: 50,
        streams: 100,
        messagesPerSecond: 20_000,
        bytesPerSecond: 0,
        bodyBytesPerSecond: 500,
        stallTimeoutMs: 60_000,
        bufferedBytes: 1024 ** 3,
        bufferedBytesPerIp: 256 * 1024 ** 2,
        bufferedBytesPerConnection: 64 * 1024 ** 2,
      },
      policies: [],
      drain: { delayMs: 0, timeoutMs: 30_000 },
      log: { level: 'info' },
    })
  })

  test('takes the file over defaults, the environment over the file, flags over both', async () => {
    const file = { ENGINE_ROUTER_CONFIG: 'named.yaml' }
    const fromFile = await load(file)
    assert.equal(fromFile.listen.http.port, 1000)
    assert.deepEqual(fromFile.nats.servers, ['nats://from-file'])
    assert.equal(fromFile.nats.creds, 'file.creds')
    assert.equal(fromFile.database.url, 'postgres://file/db')
    assert.equal(fromFile.log.level, 'warn')

    const env = {
      ...file,
      PORT: '2000',
      NATS_URL: 'nats://a:4222, nats://b:4222',
      NATS_CREDS: 'env.creds',
      DATABASE_URL: 'postgres://env/db',
      LOG_LEVEL: 'error',
    }
    const fromEnv = await load(env)
    assert.equal(fromEnv.listen.http.port, 2000)
    assert.deepEqual(fromEnv.nats.servers, ['nats://a:4222', 'nats://b:4222'])
    assert.equal(fromEnv.nats.creds, 'env.creds')
    assert.equal(fromEnv.database.url, 'postgres://env/db')
    assert.equal(fromEnv.log.level, 'error')

    const fromFlags = await load(env, {
      config: 'named.yaml',
      port: '0',
      natsUrl: 'nats://c',
      natsCreds: 'flag.creds',
      databaseUrl: 'postgres://flag/db',
      logLevel: 'debug',
    })
    assert.equal(fromFlags.listen.http.port, 0)
    assert.deepEqual(fromFlags.nats.servers, ['nats://c'])
    assert.equal(fromFlags.nats.creds, 'flag.creds')
    assert.equal(fromFlags.database.url, 'postgres://flag/db')
    assert.equal(fromFlags.log.level, 'debug')
  })

  test('reads the default file when it is there', async () => {
    const other = await mkdtemp(join(tmpdir(), 'engine-router-config-'))
    try {
      await mkdir(join(other, 'config'))
      await writeFile(join(other, 'config/router.yaml'), 'drain: { timeout: 5s }\n')
      const config = await loadConfig({ flags: {}, env: {}, cwd: other })
      assert.equal(config.drain.timeoutMs, 5000)
    } finally {
      await rm(other, { recursive: true })
    }
  })

  test('takes the sample of the repository', async () => {
    const root = new URL('../../', import.meta.url).pathname
    const config = await loadConfig({ flags: {}, env: {}, cwd: root })
    const expected = { file: 'config/routes.yaml', watch: true, cacheFile: '.data/routes-cache.json' }
    assert.deepEqual([config.routes, config.listen.tcp], [expected, []])
  })

  test('treats an empty variable as unset', async () => {
    assert.equal((await load({ PORT: '', NATS_URL: '', ENGINE_ROUTER_CONFIG: '' })).listen.http.port, 8080)
  })

  test('refuses a named file that is missing, and says who named it', async () => {
    await assert.rejects(load({ ENGINE_ROUTER_CONFIG: 'no.yaml' }), (error) => {
      assert.ok(error instanceof ConfigError)
      assert.match(error.message, /no\.yaml \(named by ENGINE_ROUTER_CONFIG\) does not exist/)
      return true
    })
    await assert.rejects(load({}, { config: 'no.yaml' }), /named by --config/)
  })

  test('names every variable and flag that it cannot use, without repeating what may be secret', async () => {
    const env = { NATS_URL: 'http://u:secret@x', DATABASE_URL: 'mysql://u:secret@x', LOG_LEVEL: 'inf' }
    await assert.rejects(load(env, { port: '70000' }), (error) => {
      assert.ok(error instanceof ConfigError)
      assert.deepEqual(error.message.split('\n'), [
        '--port: must be at most 65535; got 70000',
        'NATS_URL: expected a NATS server such as nats://127.0.0.1:4222',
        'DATABASE_URL: expected a URL such as postgres://user@127.0.0.1:5432/engine_router',
        'LOG_LEVEL: expected one of trace, debug, info, warn, error, fatal; got "inf", did you mean "info"?',
      ])
      return true
    })
  })

  test('shows every problem of the file with its place', async () => {
    await writeFile(join(cwd, 'bad.yaml'), 'listen: { htp: {} }\ndrain: { timeout: 30 }\nlimits: { bodyBytes: big }\n')
    await assert.rejects(load({}, { config: 'bad.yaml' }), (error) => {
      assert.ok(error instanceof DocumentError)
      assert.deepEqual(error.message.split('\n'), [
        'bad.yaml:1:11: listen.htp: unknown key, did you mean "http"?',
        'bad.yaml:2:19: drain.timeout: a unit is missing: expected a duration from 0s to 1h, such as 30s; got 30',
        'bad.yaml:3:22: limits.bodyBytes: expected a size of 1B or more, such as 10MiB; got "big"',
      ])
      return true
    })
  })
})
