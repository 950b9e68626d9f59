import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually } from '../../../support/eventually.ts'
import { type Gateway, startGateway } from '../../../support/gateway.ts'
import { natsUrl } from '../../../support/nats.ts'
import { openRaw } from '../../../support/raw-http.ts'
import { bytesOf, type SmugglingCase } from './case.ts'
import { chunkedCases } from './cases/chunked.ts'
import { type ReceivedRequest, type RecordingBackend, startRecordingStreams } from './recording-backend.ts'

/** For a body that ends elsewhere than the client says. */
const STALL_TIMEOUT_MS = 2000
/** More than that, on a busy machine. */
const WITHIN_MS = 20_000
/** A chunk that there is nothing wrong with. */
const BEGINNING = '1\r\n!\r\n'

/** As in the table, once the beginning of the body is with the backend, where nothing can be taken back. */
describe('of a chunked body that a backend is about to read, it gets', { concurrency: true }, () => {
  let gateway: Gateway
  let backend: RecordingBackend

  before(async () => {
    const url = await natsUrl()
    backend = await startRecordingStreams(url, `t${process.pid}underway`)
    const transferLimits = { stallTimeoutMs: STALL_TIMEOUT_MS }
    gateway = await startGateway({ natsUrl: url, routes: [backend.route], transferLimits })
  })
  after(async () => {
    await gateway.assertIdle()
    await gateway.close()
    await backend.close()
    assert.equal(backend.received.length, chunkedCases.length)
  })

  for (const [index, one] of chunkedCases.entries()) {
    test(`${one.name}: ${summary(one)}`, async () => {
      const path = `/case-${index}`
      const bytes = bytesOf(one, path)
      const bodyAt = bytes.indexOf('\r\n\r\n') + 4
      const raw = await openRaw(gateway.port)
      raw.write(Buffer.concat([bytes.subarray(0, bodyAt), Buffer.from(BEGINNING)]))
      const request = await eventually('it has come', () => backend.received.find((one) => one.path === path))
      assert.equal(request.end, 'none yet')
      raw.write(bytes.subarray(bodyAt))
      const response = await raw.until(/^HTTP[\s\S]*\r\n\r\n/, WITHIN_MS)
      await eventually('it is over', () => request.end !== 'none yet')
      raw.destroy()
      assertEnd(one, request, response)
    })
  }
})

function summary({ expected }: SmugglingCase): string {
  if (expected.kind === 'taken') return 'all of it'
  return expected.kind === 'cut' && expected.body === undefined ? 'a reset' : 'all of it, though the client is refused'
}

function assertEnd({ expected, why }: SmugglingCase, request: ReceivedRequest, response: string): void {
  if (expected.kind === 'taken') {
    assert.match(response, /^HTTP\/1\.1 200 /)
    assert.deepEqual([request.end, request.body], ['whole', `!${expected.request.body ?? ''}`], why)
    return
  }
  assert.equal(expected.kind, 'cut')
  assert.match(response, new RegExp(`^HTTP/1\\.1 ${expected.streamedStatus} `), why)
  if (expected.body === undefined) assert.equal(request.end, 'reset', why)
  else assert.deepEqual([request.end, request.body], ['whole', `!${expected.body}`], why)
}
