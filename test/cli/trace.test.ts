import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, type TestContext, test } from 'node:test'
import { connect } from 'nats'
import { startOtlpExport } from '../../src/telemetry/otlp-export.ts'
import { createTracing } from '../../src/telemetry/tracing.ts'
import { temporaryDirectory } from '../app/router-process.ts'
import { startTestApp } from '../app/start-test-app.ts'
import { createCertificate } from '../support/certificates.ts'
import { freePort } from '../support/free-port.ts'
import { natsUrl } from '../support/nats.ts'
import { needs } from '../support/needs.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { runCli } from './run-cli.ts'

const skip = needs(spawnSync('openssl', ['version']).status === 0, 'openssl is not here')
const P = `t${process.pid}clitrace`

/** A router that sends its spans where `trace --port` is to listen. */
async function startTraced(t: TestContext) {
  const port = await freePort()
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = `http://127.0.0.1:${port}`
  process.env.OTEL_BSP_SCHEDULE_DELAY = '50'
  const traces = await startOtlpExport({ logger: silentLogger, serviceName: 'edge' })
  const { url } = await startTestApp(
    t,
    [
      { name: 'echo', match: { path: '/echo/{id}' }, subject: `${P}.echo.{id}` },
      { name: 'nobody', match: { path: '/nobody' }, subject: `${P}.nobody` },
    ],
    [],
    createTracing(traces.recorder),
  )
  t.after(() => traces.close())
  const nats = await connect({ servers: await natsUrl() })
  t.after(() => nats.close())
  nats.subscribe(`${P}.echo.*`, { callback: (_error, message) => message.respond(message.data) })
  await nats.flush()
  return { url, port: String(port) }
}

describe('engine-router trace', () => {
  test('shows the trace of one request', async (t) => {
    const { url, port } = await startTraced(t)
    const { code, stdout, stderr } = await runCli([
      'trace',
      'POST',
      `${url}/echo/1?a=b`,
      '-d',
      'hello',
      '--port',
      port,
      '--wait',
      '2s',
    ])
    assert.equal(stderr, '')
    const [first, client, router] = stdout.split('\n')
    assert.match(first!, /^trace [0-9a-f]{32}$/)
    assert.match(client!, /^POST \/echo\/1 +client +\+0\.0 ms +[\d.]+ ms +200$/)
    assert.match(router!, /^└─ POST \/echo\/\{id\} +edge +\+[\d.]+ ms +[\d.]+ ms +200$/)
    assert.equal(code, 0)

    const failed = await runCli(['trace', 'GET', `${url}/nobody`, '--port', port, '--wait', '2s'])
    assert.match(failed.stdout, /└─ GET \/nobody .* 503 no_responders\n +no responders attempt=1 +\+/)

    const json = await runCli(['trace', 'GET', `${url}/nobody`, '--port', port, '--wait', '2s', '--json'])
    const { traceId, spans } = JSON.parse(json.stdout)
    assert.equal(traceId, spans[1].traceId)
    assert.equal(spans[1].parentSpanId, spans[0].spanId)
  })

  test('says what to do where no spans come, or nothing answers', async (t) => {
    const { url } = await startTraced(t)
    const port = String(await freePort())
    const nothing = await runCli(['trace', 'GET', `${url}/nobody`, '--port', port, '--wait', '100ms'])
    assert.equal(nothing.code, 1)
    assert.match(nothing.stderr, new RegExp(`no spans came: .*OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:${port}`))

    const gone = await runCli(['trace', 'GET', `http://127.0.0.1:${await freePort()}/`, '--port', port])
    assert.equal(gone.code, 1)
    assert.match(gone.stderr, /did not answer: connect ECONNREFUSED/)

    const taken = await runCli(['trace', 'GET', url, '--port', new URL(url).port])
    assert.equal(taken.code, 1)
    assert.match(taken.stderr, /cannot take spans on 127\.0\.0\.1:\d+: .*EADDRINUSE.* --port/)
  })

  test('speaks TLS to a router whose settings say so, and says what to do about its certificate', {
    skip,
  }, async (t) => {
    const cwd = await temporaryDirectory()
    const { cert, key } = createCertificate(cwd, 'localhost')
    const paths: string[] = []
    const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, ({ url = '' }, response) => {
      paths.push(url)
      response.end()
    })
    t.after(() => void server.close())
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const http = { host: '0.0.0.0', port, tls: { cert, key } }
    await writeFile(join(cwd, 'router.yaml'), JSON.stringify({ listen: { http } }))
    const spansTo = String(await freePort())
    const words = ['trace', 'GET', '/a?b', '--port', spansTo, '--wait', '200ms', '--config', 'router.yaml']

    const unknown = await runCli(words, { cwd })
    assert.equal(unknown.code, 1)
    assert.match(
      unknown.stderr,
      new RegExp(`https://localhost:${port}/a\\?b did not answer: .*NODE_EXTRA_CA_CERTS=FILE`),
    )
    assert.deepEqual(paths, [])

    // Node reads that variable at its start alone.
    const known = spawn(process.execPath, [resolve('src/main.ts'), ...words], {
      cwd,
      env: { ...process.env, NODE_EXTRA_CA_CERTS: cert },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const stderr = await text(known.stderr)
    assert.match(stderr, /no spans came/)
    assert.deepEqual(paths, ['/a?b'])
  })

  test('refuses what it cannot read', async () => {
    const cwd = await temporaryDirectory()
    for (const [words, message] of [
      [['GET', '/x', '--port', '99999'], /--port 99999: expected a port/],
      [['GET', '/x', '--wait', 'long'], /--wait long: expected a time/],
      [['GET', 'ftp://x'], /neither a URL/],
      [['GET'], /give a method and a URL/],
    ] as const) {
      const { code, stderr } = await runCli(['trace', ...words], { cwd })
      assert.equal(code, 2)
      assert.match(stderr, message)
    }
  })
})
