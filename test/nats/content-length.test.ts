import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { serve } from '../../src/backend/index.ts'
import { eventually } from '../support/eventually.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { openRaw } from '../support/raw-http.ts'
import { type StreamBackend, startStreamBackend } from '../support/stream-backend.ts'

const SUBJECT = `content-length-${process.pid}`
const HEAD_SUBJECT = `${SUBJECT}-head`

describe('a streamed response with a content-length', () => {
  let backend: StreamBackend
  let gateway: Gateway
  before(async () => {
    const url = await natsUrl()
    backend = await startStreamBackend(url)
    await backend.handle(SUBJECT, (stream, open) => {
      const body = Buffer.from('four')
      const query = open.headers[open.headers.indexOf('sx-query') + 1]!
      stream.accept(1, 64 * 1024)
      stream.head({ status: 200, headers: ['content-length', query] })
      if (open.headers[open.headers.indexOf('sx-method') + 1] !== 'HEAD') {
        stream.data(body.subarray(0, 2))
        stream.data(body.subarray(2))
      }
      stream.end()
      return {}
    })
    await backend.nats.flush()
    gateway = await startGateway({
      natsUrl: url,
      routes: [
        { name: 'length', match: { path: '/' }, subject: SUBJECT, body: 'stream' },
        { name: 'head', match: { path: '/head' }, subject: HEAD_SUBJECT },
      ],
    })
  })
  after(async () => {
    await gateway.close()
    await backend.close()
  })

  test('is whole with as many bytes', async () => {
    const response = await fetch(`${gateway.url}/?4`)
    assert.equal(response.headers.get('content-length'), '4')
    assert.equal(response.headers.get('transfer-encoding'), null)
    assert.equal(await response.text(), 'four')
  })

  for (const length of ['3', '5']) {
    test(`is cut when it has other than ${length} bytes`, async () => {
      await assert.rejects(async () => (await fetch(`${gateway.url}/?${length}`)).text())
      await gateway.assertIdle()
    })
  }

  test('is of any length where that is no number', async () => {
    assert.equal(await (await fetch(`${gateway.url}/?many`)).text(), 'four')
  })

  test('tells it to HEAD once, where the head of the response is all of it', async (t) => {
    const service = await serve({ nats: { servers: await natsUrl() }, name: 'head', version: '1.0.0' })
    t.after(() => service.drain(0))
    service.fetch(HEAD_SUBJECT, () => new Response('four', { headers: { 'content-length': '4' } }))
    await service.flush()
    const raw = await openRaw(gateway.port)
    raw.write('HEAD /head HTTP/1.1\r\nhost: h\r\n\r\n')
    await eventually('the response', () => raw.text().includes('\r\n\r\n'))
    raw.destroy()
    assert.deepEqual(raw.text().match(/content-length: \d+/gi), ['content-length: 4'])
  })

  test('tells it to HEAD', async () => {
    const response = await fetch(`${gateway.url}/?4`, { method: 'HEAD' })
    assert.equal(response.headers.get('content-length'), '4')
    assert.equal(await (await fetch(`${gateway.url}/?4`)).text(), 'four')
  })
})
