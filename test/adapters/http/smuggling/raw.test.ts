import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Gateway, startGateway } from '../../../support/gateway.ts'
import { natsUrl } from '../../../support/nats.ts'
import { openRaw } from '../../../support/raw-http.ts'
import { bytesOf, type Expectation, PATH, SMUGGLED, type SmugglingCase } from './case.ts'
import { type ReceivedRequest, type RecordingBackend, startRecordingBackend } from './recording-backend.ts'
import { SMUGGLING_TABLE } from './table.ts'

/** More than uWebSockets gives a connection that does not end its head, with all cases at once. */
const WITHIN_MS = 30_000

/** Each on a connection of its own, byte for byte. */
describe('the router itself, told', { concurrency: true }, () => {
  let gateway: Gateway
  let backend: RecordingBackend
  let next = 0

  before(async () => {
    const url = await natsUrl()
    backend = await startRecordingBackend(url, `t${process.pid}smuggling`)
    gateway = await startGateway({ natsUrl: url, routes: [{ ...backend.route, timeout: '5s' }] })
  })
  after(async () => {
    await gateway.assertIdle()
    await gateway.close()
    await backend.close()
    // All that came was asked for by a case; what has another path came out of the middle of one.
    const stray = backend.received.filter(({ path }) => !/^\/{1,2}case-\d+(?!\d|\/smuggled)/.test(path))
    assert.deepEqual(stray, [])
  })

  const newPath = () => `/case-${next++}`
  const receivedAt = (path: string) =>
    backend.received.filter((request) => request.path.replace('//', '/').split('/')[1] === path.slice(1))

  for (const [what, cases] of Object.entries(SMUGGLING_TABLE)) {
    describe(what, { concurrency: true }, () => {
      for (const one of cases) {
        test(`${one.name}: ${summary(one.expected)}`, async () => {
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
          assertExpected(one, path, response, receivedAt(path))
        })

        if (one.expected.kind === 'answered') continue
        test(`${one.name}: what is behind it is no request of its own`, async () => {
          const path = newPath()
          const raw = await openRaw(gateway.port)
          raw.write(Buffer.concat([bytesOf(one, path), Buffer.from(SMUGGLED.replace(PATH, path))]))
          await within(raw.closed())
          const received = receivedAt(path)
          assert.ok(received.length <= (one.expected.kind === 'taken' ? 1 : 0), JSON.stringify(received))
        })
      }
    })
  }
})

function summary(expected: Expectation): string {
  if (expected.kind === 'refused') return `${expected.status}, closed, nothing published`
  if (expected.kind === 'answered') return `${expected.status}, nothing published`
  return expected.kind === 'dropped' ? 'closed, nothing published' : 'one request'
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
): void {
  if (expected.kind !== 'taken') {
    assert.deepEqual(received, [], why)
    if (expected.kind === 'dropped') assert.equal(response, '', why)
    else assert.match(response, new RegExp(`^HTTP/1\\.1 ${expected.status} `), why)
    return
  }
  const { request } = expected
  assert.equal(received.length, 1, why)
  const [came] = received as [ReceivedRequest]
  assert.equal(came.method, request.method, why)
  assert.equal(came.path, request.path?.replace(PATH, path) ?? path, why)
  assert.equal(came.query, request.query ?? '', why)
  assert.equal(came.body, request.body ?? '', why)
  if (request.host !== undefined) assert.equal(came.host, request.host, why)
  for (const [name, value] of Object.entries(request.fields ?? {})) {
    const values = came.headers.keys().filter((key) => key.toLowerCase() === name)
    assert.deepEqual(
      values.flatMap((key) => came.headers.values(key)),
      value === undefined ? [] : [value.replace(PATH, path)],
      `${name}: ${why}`,
    )
  }
}
