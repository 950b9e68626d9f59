import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { connect, type Msg } from 'nats'
import { createAuthority, temporaryFiles } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { natsUrl } from '../support/nats.ts'
import { needs } from '../support/needs.ts'
import { openRaw } from '../support/raw-http.ts'
import { metricValue, parseMetrics } from '../telemetry/parse-metrics.ts'
import { startTestApp } from './start-test-app.ts'

const noOpenssl = needs(spawnSync('openssl', ['version']).status === 0, 'openssl is not here')
const P = `t${process.pid}metrics`

describe('the metrics of a router', () => {
  test('count the traffic by route and code, and know neither paths nor subjects', async (t) => {
    const nats = await connect({ servers: await natsUrl() })
    t.after(() => nats.close())
    nats.subscribe(`${P}.echo.*`, { callback: (_error, message) => void message.respond(message.data) })
    nats.subscribe(`${P}.silent`, { callback: () => {} })
    await nats.flush()
    const { url, adminUrl, app, idle } = await startTestApp(t, [
      { name: 'echo', match: { path: '/path-echo/{id}' }, subject: `${P}.echo.{id}` },
      { name: 'silent', match: { path: '/path-silent' }, subject: `${P}.silent`, timeout: '20ms' },
      { name: 'waits', match: { path: '/path-waits' }, subject: `${P}.silent` },
      { name: 'nobody', match: { path: '/path-nobody' }, subject: `${P}.nobody` },
    ])
    const scrape = async () => {
      const response = await fetch(`${adminUrl}/metrics`)
      assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
      return parseMetrics(await response.text())
    }
    const before = await scrape()
    assert.equal(
      metricValue(before, 'engine_router_exchanges_total', { route: 'echo', kind: 'http', code: 'ok' }),
      undefined,
    )
    assert.equal(metricValue(before, 'engine_router_routes'), 4)
    assert.equal(metricValue(before, 'engine_router_nats_connected'), 1)

    const send = async (path: string, body: string) => {
      await (await fetch(`${url}${path}`, { method: 'POST', body })).arrayBuffer()
    }
    for (let n = 0; n < 10; n++) await send(`/path-echo/id-${n}`, 'x'.repeat(100))
    await send('/path-silent', '')
    await send('/path-nobody', '')
    await send('/path-nobody', '')
    for (let n = 0; n < 3; n++) await send(`/path-missing/${n}`, '')
    const leaving = await openRaw(app.httpPort)
    leaving.write('GET /path-waits HTTP/1.1\r\nHost: x\r\n\r\n')
    await eventually('it waits for NATS', () => app.gauges().natsExchanges === 1)
    const during = await scrape()
    assert.equal(metricValue(during, 'engine_router_exchanges_in_flight'), 1)
    assert.equal(metricValue(during, 'engine_router_inbox_tokens'), 1)
    leaving.destroy()
    await idle()

    const after = await scrape()
    const total = (route: string, code: string) =>
      metricValue(after, 'engine_router_exchanges_total', { route, kind: 'http', code })
    assert.deepEqual(
      [
        total('echo', 'ok'),
        total('silent', 'timeout'),
        total('nobody', 'no_responders'),
        total('-', 'no_route'),
        total('waits', 'client_gone'),
      ],
      [10, 1, 2, 3, 1],
    )
    const counted = after.get('engine_router_exchanges_total')!.samples.reduce((sum, { value }) => sum + value, 0)
    assert.equal(counted, 17)
    assert.equal(metricValue(after, 'engine_router_received_bytes_total', { route: 'echo' }), 1000)
    assert.equal(metricValue(after, 'engine_router_sent_bytes_total', { route: 'echo' }), 1000)
    assert.equal(metricValue(after, 'engine_router_exchanges_in_flight'), 0)

    const seconds = (suffix: string, route: string, more = {}) =>
      metricValue(after, `engine_router_exchange_duration_seconds_${suffix}`, { route, kind: 'http', ...more })
    assert.equal(seconds('count', 'echo'), 10)
    // A timeout of 20 ms takes that long, and no second on any machine.
    assert.equal(seconds('bucket', 'silent', { le: '0.01' }), 0)
    assert.equal(seconds('bucket', 'silent', { le: '+Inf' }), 1)
    assert.ok(seconds('sum', 'silent')! >= 0.02)

    assert.equal(metricValue(after, 'engine_router_no_responders_total', { route: 'nobody' }), 2)
    assert.equal(metricValue(after, 'engine_router_nats_round_trip_seconds_count', { route: 'echo' }), 10)
    assert.equal(metricValue(after, 'engine_router_first_byte_seconds_count', { route: 'echo' }), 10)
    assert.equal(metricValue(after, 'engine_router_first_byte_seconds_count', { route: 'silent' }), 0)
    assert.ok(metricValue(after, 'engine_router_cpu_seconds_total')! > 0)
    assert.ok(metricValue(after, 'engine_router_event_loop_lag_seconds', { quantile: '0.99' })! >= 0)

    const labels = [...after.values()].flatMap(({ samples }) =>
      samples.flatMap((sample) => Object.values(sample.labels)),
    )
    assert.deepEqual(
      labels.filter((label) => label.includes('path') || label.includes(P) || label.includes('id-')),
      [],
    )

    const documented = readFileSync('docs/metrics.md', 'utf8').matchAll(/^\| `(engine_router_\w+)/gm)
    assert.deepEqual([...documented].map(([, name]) => name).sort(), [...after.keys()].sort())
  })

  test('tell when the certificate of each listener with TLS expires', { skip: noOpenssl }, async (t) => {
    const { cert, key } = createAuthority(temporaryFiles(t)).issue('localhost', { days: 30 })
    const { adminUrl } = await startTestApp(
      t,
      [],
      [
        { host: '127.0.0.1', port: 0, protocol: 'mux' },
        { host: '127.0.0.1', port: 0, protocol: 'mux', tls: { cert, key } },
      ],
    )
    const metrics = parseMetrics(await (await fetch(`${adminUrl}/metrics`)).text())
    const { samples } = metrics.get('engine_router_certificate_expiry_timestamp_seconds')!
    assert.deepEqual(
      samples.map(({ labels }) => labels),
      [{ listener: 'tcp1' }],
    )
    assert.ok(Math.abs(samples[0]!.value - Date.now() / 1000 - 30 * 86_400) < 3600)
  })

  test('tell of a client that takes no more, for as long as that is so', async (t) => {
    const nats = await connect({ servers: await natsUrl() })
    t.after(() => nats.close())
    let request: Msg | undefined
    nats.subscribe(`${P}.many`, { callback: (_error, message) => (request = message) })
    await nats.flush()
    const { adminUrl, app, idle } = await startTestApp(t, [
      { name: 'many', match: { path: '/many' }, subject: `${P}.many`, reply: 'many' },
    ])
    const value = async (name: string, labels = {}) =>
      metricValue(parseMetrics(await (await fetch(`${adminUrl}/metrics`)).text()), name, labels)
    const client = await openRaw(app.httpPort)
    client.socket.pause()
    client.write('GET /many HTTP/1.1\r\nHost: x\r\n\r\n')
    await eventually('the request', () => request)
    await eventually('the client is full', async () => {
      request!.respond(new Uint8Array(512 * 1024))
      await nats.flush()
      return (await value('engine_router_slow_clients')) === 1
    })
    client.destroy()
    await idle()
    assert.equal(await value('engine_router_slow_clients'), 0)
    assert.equal(await value('engine_router_client_pauses_total', { route: 'many' }), 1)
    assert.ok((await value('engine_router_client_paused_seconds_total', { route: 'many' }))! > 0)
  })
})
