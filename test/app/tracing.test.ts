import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { runCli } from '../cli/run-cli.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { natsUrl } from '../support/nats.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { startSpanCollector } from '../support/tracing.ts'
import { startRouter, temporaryDirectory } from './router-process.ts'

describe('serve', () => {
  test('traces where OTEL_* say so, and sends the last spans before it ends', async (t) => {
    const database = await createTestDatabase({ migrated: true })
    t.after(() => database.drop())
    const collector = await startSpanCollector(t)
    const router = await startRouter(t, {
      natsUrl: await natsUrl(),
      databaseUrl: database.url,
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_SERVICE_NAME: 'edge',
        OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
        OTEL_BSP_SCHEDULE_DELAY: '3600000',
      },
    })
    await router.ready()
    assert.equal((await fetch(`${router.url}/missing`)).status, 404)
    assert.equal(collector.spans.length, 0)
    router.signal('SIGTERM')
    assert.equal(await router.exitCode, 0)
    assert.deepEqual(
      collector.spans.map(({ name }) => name),
      ['GET'],
    )
    assert.partialDeepStrictEqual(collector.spans[0]?.resource, {
      'service.name': 'edge',
      'deployment.environment.name': 'test',
    })
  })

  test('goes on without a collector, says so once in the log, and ends in time', async (t) => {
    const database = await createTestDatabase({ migrated: true })
    t.after(() => database.drop())
    const router = await startRouter(t, {
      natsUrl: await natsUrl(),
      databaseUrl: database.url,
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}`,
        OTEL_EXPORTER_OTLP_TIMEOUT: '500',
        OTEL_BSP_SCHEDULE_DELAY: '1',
      },
    })
    await router.ready()
    const complaints = () => router.logged('warn').filter((message) => message.startsWith('tracing: the collector '))
    assert.equal((await fetch(`${router.url}/missing`)).status, 404)
    await eventually('the complaint', () => complaints().length > 0)
    for (let i = 0; i < 5; i++) await fetch(`${router.url}/missing`)
    router.signal('SIGTERM')
    assert.equal(await router.exitCode, 0)
    assert.equal(complaints().length, 1, complaints().join('\n'))
    assert.match(complaints()[0]!, /ECONNREFUSED/)
  })

  test('refuses to start with OTEL_* that it cannot follow', async () => {
    const { code, stderr } = await runCli(['serve'], {
      cwd: await temporaryDirectory(),
      env: { OTEL_TRACES_EXPORTER: 'zipkin' },
    })
    assert.equal(code, 1)
    assert.match(stderr, /OTEL_TRACES_EXPORTER: expected otlp or none; got zipkin/)
  })
})
