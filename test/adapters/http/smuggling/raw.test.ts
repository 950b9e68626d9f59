import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Gateway, startGateway } from '../../../support/gateway.ts'
import { natsUrl } from '../../../support/nats.ts'
import { openRaw } from '../../../support/raw-http.ts'
import { bytesOf, type Expectation, PATH, SMUGGLED, type SmugglingCase } from './case.ts'
import {
  type ReceivedRequest,
  type RecordingBackend,
  startRecordingBackend,
  startRecordingStreams,
} from './recording-backend.ts'
import { SMUGGLING_TABLE } from './table.ts'

/** More than uWebSockets gives a connection that does not end its head, with all cases at once. */
const WITHIN_MS = 30_000
/** For a body that ends elsewhere than the client says; it is streamed, and waits for more. */
const STALL_TIMEOUT_MS = 4000

/** Each case on a connection of its own, byte for byte. */
describe('the router itself, told', { concurrency: true }, () => {
  describe('for a route with whole bodies', { concurrency: true }, () => {
    runCases(false, (url) => startRecordingBackend(url, `t${process.pid}smuggling`))
  })
  describe('for a route that streams bodies', { concurrency: true }, () => {
    runCases(true, (url) => startRecordingStreams(url, `t${process.pid}streamed`))
  })
})

function runCases(isStreamed: boolean, start: (url: string) => Promise<RecordingBackend>): void {
  let gateway: Gateway
  let backend: RecordingBackend
  let next = 0

  before(async () => {
    const url = await natsUrl()
    backend = await start(url)
    gateway = await startGateway({
      natsUrl: url,
      routes: [{ ...backend.route, timeout: isStreamed ? '15s' : '5s' }],
      ...(isStreamed && { transferLimits: { stallTimeoutMs: STALL_TIMEOUT_MS } }),
    })
  })
  after(async () => {
    await gateway.assertIdle()
    await settled()
    const { received } = backend
    await gateway.close()
    await backend.close()
    // All that came was asked for by a case; what has another path came out of the middle of one.
    assert.deepEqual(
      received.filter(({ path }) => !/^\/{1,2}case-\d+(?!\d|\/smuggled)/.test(path)),
      [],
    )
  })

  /** What the router has published is with the backend. */
  const settled = async () => {
    await gateway.link.client!.flush()
    await backend.flush()
  }
  const newPath = () => `/case-${next++}`
  const receivedAt = async (path: string) => {
    await settled()
    return backend.received.filter((request) => request.path.replace('//', '/').split('/')[1] === path.slice(1))
  }

  for (const [what, cases] of Object.entries(SMUGGLING_TABLE)) {
    describe(what, { concurrency: true }, () => {
      for (const one of cases) {
        test(`${one.name}: ${summary(one.expected, isStreamed)}`, async () => {
          const path = newPath()
          const raw = await openRaw(gateway.port)
          raw.write(bytesOf(one, path))
          if (one.expected.kind === 'answered') await raw.until(/^HTTP[\s\S]*\r\n\r\n/, WITHIN_MS)
          else if (one.expected.kind === 'taken')
            await raw.until(/(^|\r\n\r\n)HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n/, WITHIN_MS)
          else await within(raw.closed())
          if (isChunked(one)) {
            // Where it ends is in doubt, which uWebSockets does not tell: so it is the last on its connection.
            raw.write(SMUGGLED.replace(PATH, path))
            assert.match(await within(raw.closed()), /\r\nconnection: close\r\n/i, one.why)
          }
          const response = raw.text()
          raw.destroy()
          assertExpected(one, path, response, await receivedAt(path), isStreamed)
        })

        if (one.expected.kind === 'answered') continue
        test(`${one.name}: what is behind it is no request of its own`, async () => {
          const path = newPath()
          const raw = await openRaw(gateway.port)
          raw.write(Buffer.concat([bytesOf(one, path), Buffer.from(SMUGGLED.replace(PATH, path))]))
          await within(raw.closed())
          const received = await receivedAt(path)
          assert.ok(received.length <= (mayBegin(one.expected, isStreamed) ? 1 : 0), JSON.stringify(received))
          if (one.expected.kind !== 'taken')
            assert.ok(
              received.every(({ end }) => end !== 'whole'),
              one.why,
            )
        })
      }
    })
  }
}

/** Whether a request, or the beginning of one, may be published. */
function mayBegin({ kind }: Expectation, isStreamed: boolean): boolean {
  return kind === 'taken' || (kind === 'cut' && isStreamed)
}

function summary(expected: Expectation, isStreamed: boolean): string {
  if (expected.kind === 'taken') return 'one request'
  if (expected.kind === 'dropped') return 'closed, nothing published'
  if (expected.kind === 'answered') return `${expected.status}, nothing published`
  return `${statusOf(expected, isStreamed)}, closed, ${mayBegin(expected, isStreamed) ? 'no end' : 'nothing'} published`
}

function statusOf(expected: Exclude<Expectation, { kind: 'taken' | 'dropped' }>, isStreamed: boolean): number {
  return expected.kind === 'cut' && isStreamed ? expected.streamedStatus : expected.status
}

/** As the router sees it: behind a field without a name there is nothing. */
function isChunked({ expected, bytes }: SmugglingCase): boolean {
  return expected.kind === 'taken' && /\r\ntransfer-encoding:/i.test(bytes) && !bytes.includes('\r\n: ')
}

async function within<T>(closed: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('the connection was not closed')), WITHIN_MS)
  })
  return Promise.race([closed, late]).finally(() => clearTimeout(timer))
}

function assertExpected(
  { expected, why }: SmugglingCase,
  path: string,
  response: string,
  received: readonly ReceivedRequest[],
  isStreamed: boolean,
): void {
  if (expected.kind !== 'taken') {
    if (expected.kind === 'dropped') assert.equal(response, '', why)
    else assert.match(response, new RegExp(`^HTTP/1\\.1 ${statusOf(expected, isStreamed)} `), why)
    assert.ok(received.length <= (mayBegin(expected, isStreamed) ? 1 : 0), why)
    assert.ok(
      received.every(({ end }) => end !== 'whole'),
      why,
    )
    return
  }
  const { request } = expected
  assert.equal(received.length, 1, why)
  const [came] = received as [ReceivedRequest]
  assert.equal(came.method, request.method, why)
  assert.equal(came.path, request.path?.replace(PATH, path) ?? path, why)
  assert.equal(came.query, request.query ?? '', why)
  assert.equal(came.body, request.body ?? '', why)
  assert.equal(came.end, 'whole', why)
  if (request.host !== undefined) assert.equal(came.host, request.host, why)
  for (const [name, value] of Object.entries(request.fields ?? {})) {
    const expectedValues = value === undefined ? [] : [value.replace(PATH, path)]
    assert.deepEqual(came.valuesOf(name), expectedValues, `${name}: ${why}`)
  }
}
