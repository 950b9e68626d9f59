import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { connect, type NatsConnection } from 'nats'
import { WebSocket } from 'ws'
import type { RouteDocument } from '../../src/routing/spec.ts'
import { startOtlpExport } from '../../src/telemetry/otlp-export.ts'
import { createTracing } from '../../src/telemetry/tracing.ts'
import { startTestApp } from '../app/start-test-app.ts'
import { startService } from '../backend/start-service.ts'
import { natsUrl } from '../support/nats.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { setUpBackendTracing, startSpanCollector } from '../support/tracing.ts'

const P = `t${process.pid}tracing`

/** A router whose spans go to a collector, with the routes and tcp listeners of one test. */
async function startTraced(t: TestContext, routes: readonly RouteDocument[], tcp: readonly object[] = []) {
  const collector = await startSpanCollector(t)
  // The SDK reads its own environment, which is that of this process.
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = collector.url
  process.env.OTEL_BSP_SCHEDULE_DELAY = '20'
  const traces = await startOtlpExport({ logger: silentLogger, serviceName: 'engine-router' })
  const app = await startTestApp(t, routes, tcp, createTracing(traces.recorder))
  t.after(() => traces.close())
  return { ...app, collector }
}

async function connectNats(t: TestContext): Promise<NatsConnection> {
  const nats = await connect({ servers: await natsUrl() })
  t.after(() => nats.close())
  return nats
}

/** A parent of this test's own. */
function makeParent(flags: '00' | '01' = '01') {
  const traceId = randomBytes(16).toString('hex')
  const spanId = randomBytes(8).toString('hex')
  return { traceId, spanId, headers: { traceparent: `00-${traceId}-${spanId}-${flags}`, tracestate: 'vendor=1' } }
}

describe('a traced router', () => {
  test('makes one trace of client, router, backend and what the handler does', async (t) => {
    const { url, collector, log, idle } = await startTraced(t, [
      {
        name: 'orders',
        match: { path: '/orders/{region}', methods: ['POST'] },
        subject: `${P}.one.{region}`,
        forwardHeaders: 'none',
      },
    ])
    const tracer = setUpBackendTracing(t, collector)
    const { service } = await startService(t)
    const seen: (string | null)[] = []
    service.fetch(`${P}.one.*`, async (request) => {
      seen.push(request.headers.get('traceparent'), request.headers.get('tracestate'))
      await request.text()
      return tracer.startActiveSpan('look it up', async (span) => {
        span.end()
        return new Response('done', { status: 201 })
      })
    })
    await service.flush()

    const parent = makeParent()
    const response = await fetch(`${url}/orders/eu?token=secret`, {
      method: 'POST',
      body: 'order',
      headers: { ...parent.headers, 'x-request-id': 'mine' },
    })
    assert.equal(await response.text(), 'done')

    const router = await collector.find('the span of the router', ({ name }) => name === 'POST /orders/{region}')
    const backend = await collector.find('the span of the backend', ({ name }) => name === `process ${P}.one.*`)
    const inner = await collector.find('the span of the handler', ({ name }) => name === 'look it up')
    assert.deepEqual(
      [router, backend, inner].map(({ traceId, parentSpanId }) => [traceId, parentSpanId]),
      [
        [parent.traceId, parent.spanId],
        [parent.traceId, router.spanId],
        [parent.traceId, backend.spanId],
      ],
    )
    assert.deepEqual(seen, [`00-${parent.traceId}-${router.spanId}-01`, 'vendor=1'])
    assert.deepEqual([router.kind, backend.kind], ['server', 'server'])
    assert.equal(router.resource['service.name'], 'engine-router')
    assert.equal(router.traceState, 'vendor=1')
    const { 'engine_router.backend.instance': instance, ...attributes } = router.attributes
    assert.match(String(instance), /^_INBOX\.[\w-]+$/)
    assert.deepEqual(attributes, {
      'engine_router.route': 'orders',
      'engine_router.request_id': 'mine',
      'engine_router.request.bytes': 5,
      'engine_router.request.chunks': 1,
      'engine_router.response.bytes': 4,
      'engine_router.response.chunks': 1,
      'client.address': '127.0.0.1',
      'server.address': '127.0.0.1',
      'http.request.method': 'POST',
      'http.response.status_code': 201,
      'http.route': '/orders/{region}',
      'messaging.system': 'nats',
      'messaging.operation.type': 'send',
      'messaging.destination.name': `${P}.one.eu`,
      'messaging.destination.template': `${P}.one.{region}`,
      'url.path': '/orders/eu',
    })
    assert.partialDeepStrictEqual(backend.attributes, {
      'engine_router.route': 'orders',
      'engine_router.request_id': 'mine',
      'messaging.destination.template': `${P}.one.*`,
      'http.response.status_code': 201,
    })
    assert.ok(router.startNs <= backend.startNs && backend.endNs > backend.startNs)
    await idle()
    assert.partialDeepStrictEqual(
      log().find(({ requestId }) => requestId === 'mine'),
      { traceId: parent.traceId, spanId: router.spanId },
    )
  })

  test('passes the trace of a request on that is not sampled, and records nothing of it', async (t) => {
    const { url, collector } = await startTraced(t, [
      { name: 'echo', match: { path: '/echo' }, subject: `${P}.unsampled` },
    ])
    const nats = await connectNats(t)
    nats.subscribe(`${P}.unsampled`, {
      callback: (_error, message) => message.respond(message.headers?.get('traceparent')),
    })
    await nats.flush()
    const unsampled = makeParent('00')
    const passedOn = await (await fetch(`${url}/echo`, { headers: unsampled.headers })).text()
    assert.match(passedOn, new RegExp(`^00-${unsampled.traceId}-[0-9a-f]{16}-00$`))
    assert.ok(!passedOn.includes(unsampled.spanId))

    // A later one that is sampled has arrived, so the one before would have.
    const sampled = makeParent()
    await (await fetch(`${url}/echo`, { headers: sampled.headers })).text()
    await collector.find('the sampled one', ({ traceId }) => traceId === sampled.traceId)
    assert.deepEqual(
      collector.spans.map(({ traceId }) => traceId),
      [sampled.traceId],
    )
  })

  test('begins a trace of its own where the client names none that is valid', async (t) => {
    const { url, collector } = await startTraced(t, [{ name: 'echo', match: { path: '/own' }, subject: `${P}.own` }])
    const nats = await connectNats(t)
    nats.subscribe(`${P}.own`, {
      callback: (_error, message) =>
        message.respond(
          JSON.stringify([message.headers?.values('traceparent'), message.headers?.values('tracestate')]),
        ),
    })
    await nats.flush()
    const bad = { traceparent: `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`, tracestate: 'vendor=1' }
    const [traceparents, tracestates] = (await (await fetch(`${url}/own`, { headers: bad })).json()) as string[][]
    const span = await collector.find('its span', ({ name }) => name === 'GET /own')
    assert.equal(span.parentSpanId, '')
    assert.deepEqual(traceparents, [`00-${span.traceId}-${span.spanId}-01`])
    assert.deepEqual(tracestates, [])
  })

  test('tells what was in the way: no responders, another try, backends that refuse', async (t) => {
    const { url, collector } = await startTraced(t, [
      { name: 'nobody', match: { path: '/nobody' }, subject: `${P}.nobody`, noResponders: { retries: 1 } },
      { name: 'busy', match: { path: '/busy' }, subject: `${P}.busy` },
    ])
    const { service } = await startService(t, { maxConcurrent: 0 })
    service.fetch(`${P}.busy`, () => new Response())
    await service.flush()
    assert.equal((await fetch(`${url}/nobody`)).status, 503)
    const nobody = await collector.find('the span of nobody', ({ name }) => name === 'GET /nobody')
    assert.deepEqual(
      nobody.events.map(({ name, attributes }) => [name, attributes]),
      [
        ['no responders', { attempt: 1 }],
        ['retry', { attempt: 2 }],
        ['no responders', { attempt: 2 }],
      ],
    )
    assert.partialDeepStrictEqual(nobody.attributes, {
      'error.type': 'no_responders',
      'http.response.status_code': 503,
    })
    assert.equal(nobody.failed, true)

    assert.equal((await fetch(`${url}/busy`)).status, 503)
    const busy = await collector.find('the span of busy', ({ name }) => name === 'GET /busy')
    assert.deepEqual(
      busy.events.map(({ name, attributes }) => `${name} ${attributes.attempt} ${attributes.code ?? ''}`.trim()),
      ['refused 1 busy', 'retry 2', 'refused 2 busy', 'retry 3', 'refused 3 busy'],
    )
  })

  test('has a span of requests that came to no route, named by no client', async (t) => {
    const { url, collector } = await startTraced(t, [])
    const parent = makeParent()
    assert.equal((await fetch(`${url}/missing`, { method: 'MADEUP', headers: parent.headers })).status, 404)
    const span = await collector.find('its span', ({ traceId }) => traceId === parent.traceId)
    assert.equal(span.name, 'HTTP')
    assert.equal(span.parentSpanId, parent.spanId)
    assert.partialDeepStrictEqual(span.attributes, {
      'http.request.method': '_OTHER',
      'http.request.method_original': 'MADEUP',
      'http.response.status_code': 404,
      'error.type': 'no_route',
      'url.path': '/missing',
    })
    assert.equal(span.failed, false)
  })

  test('counts the chunks of a stream, and of connections both ways', async (t) => {
    const { app, url, collector } = await startTraced(
      t,
      [
        { name: 'many', match: { path: '/many' }, subject: `${P}.many`, reply: 'many' },
        { name: 'socket', match: { kind: 'ws', path: '/socket/{id}' }, subject: `${P}.socket.{id}` },
        { name: 'shell', match: { kind: 'tcp' }, subject: `${P}.shell` },
      ],
      [{ host: '127.0.0.1', port: 0, protocol: 'raw', route: 'shell', framing: 'line' }],
    )
    const nats = await connectNats(t)
    nats.subscribe(`${P}.many`, {
      callback: (_error, message) => {
        for (const text of ['a', 'bb', 'ccc', '']) message.respond(text)
      },
    })
    const { service } = await startService(t)
    for (const subject of [`${P}.socket.*`, `${P}.shell`]) {
      service.exchange(subject, async (x) => {
        for await (const message of x) await x.send(message)
      })
    }
    await service.flush()
    await nats.flush()
    const chunksOf = (span: { readonly attributes: Readonly<Record<string, unknown>> }) =>
      ['request.chunks', 'request.bytes', 'response.chunks', 'response.bytes'].map(
        (name) => span.attributes[`engine_router.${name}`],
      )

    assert.equal(await (await fetch(`${url}/many`)).text(), 'abbccc')
    const many = await collector.find('the stream', ({ name }) => name === 'GET /many')
    assert.deepEqual(chunksOf(many), [undefined, undefined, 3, 6])

    const parent = makeParent()
    const socket = new WebSocket(`${url.replace('http', 'ws')}/socket/7`, { headers: parent.headers })
    await once(socket, 'open')
    for (const text of ['one', 'two']) {
      socket.send(text)
      await once(socket, 'message')
    }
    socket.close()
    const webSocket = await collector.find('the WebSocket', ({ name }) => name === 'GET /socket/{id}')
    assert.deepEqual(chunksOf(webSocket), [2, 6, 2, 6])
    assert.equal(webSocket.attributes['engine_router.kind'], 'ws')
    assert.equal(webSocket.parentSpanId, parent.spanId)
    assert.equal(webSocket.attributes['http.response.status_code'], 101)

    const shell = connectTcp(app.tcpPorts[0]!, '127.0.0.1')
    shell.write('ls\n')
    await once(shell, 'data')
    shell.end()
    const raw = await collector.find('the connection', ({ name }) => name === 'shell')
    assert.deepEqual(chunksOf(raw).slice(0, 1), [1])
    assert.equal(raw.attributes['http.response.status_code'], undefined)
  })
})

describe('a traced backend', () => {
  test('has what a handler threw on its span, and no failure of a client that left', async (t) => {
    const { url, collector } = await startTraced(t, [
      { name: 'any', match: { path: '/{what}' }, subject: `${P}.fails.{what}` },
    ])
    setUpBackendTracing(t, collector)
    const { service } = await startService(t)
    const { promise: left, resolve: onLeft } = Promise.withResolvers<void>()
    service.fetch(`${P}.fails.fetch`, () => {
      throw new Error('out of paper')
    })
    service.exchange(`${P}.fails.exchange`, () => {
      throw new Error('out of ink')
    })
    service.fetch(`${P}.fails.status`, () => new Response('', { status: 507 }))
    service.exchange(`${P}.fails.left`, async (x) => {
      x.head()
      await x.send('first')
      await new Promise<void>((resolve) => x.signal.addEventListener('abort', () => resolve()))
      onLeft()
    })
    await service.flush()
    const failureOf = async (what: string) => {
      const name = `process ${P}.fails.${what}`
      const { failed, attributes, events } = await collector.find(what, (span) => span.name === name)
      return [failed, attributes['error.type'], events[0]?.attributes['exception.message']]
    }
    for (const what of ['fetch', 'exchange', 'status']) await (await fetch(`${url}/${what}`)).text()
    assert.deepEqual(await failureOf('fetch'), [true, 'internal', 'out of paper'])
    assert.deepEqual(await failureOf('exchange'), [true, 'backend_error', 'out of ink'])
    assert.deepEqual(await failureOf('status'), [true, '507', undefined])

    const client = new AbortController()
    await fetch(`${url}/left`, { signal: client.signal })
    client.abort()
    await left
    assert.deepEqual(await failureOf('left'), [false, 'client_gone', undefined])
  })
})
