import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually } from '../../support/eventually.ts'
import { type Gateway, startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { type StreamBackend, startStreamBackend } from '../../support/stream-backend.ts'
import { openSocket } from './start-client.ts'

describe('a WebSocket that is one exchange', () => {
  let gateway: Gateway
  let backend: StreamBackend
  const subject = (name: string) => `t${process.pid}wsstream.${name}`

  before(async () => {
    const url = await natsUrl()
    gateway = await startGateway({
      natsUrl: url,
      routes: [{ name: 'term', match: { kind: 'ws', path: '/term/{id}' }, subject: subject('{id}'), timeout: '2s' }],
    })
    backend = await startStreamBackend(url)
    backend.handle(subject('echo'), (stream) => {
      stream.accept(1, 65536)
      stream.head({ status: 200, headers: [] })
      return { data: (chunk, meta) => stream.data(chunk, meta), end: () => stream.end(), drained() {} }
    })
  })
  after(async () => {
    await gateway.close()
    await backend.close()
  })

  test('keeps text and binary, both ways', async () => {
    const socket = await openSocket(`${gateway.url}/term/echo`)
    socket.ws.send('grüße')
    socket.ws.send(Buffer.from([0, 255, 1]))
    socket.ws.send('')
    await socket.messages(3)
    assert.deepEqual(
      socket.received.map(({ data, isBinary }) => [data.toString('latin1'), isBinary]),
      [
        [Buffer.from('grüße').toString('latin1'), false],
        ['\x00\xff\x01', true],
        ['', false],
      ],
    )
    socket.ws.close(4000, 'bye')
    assert.equal((await socket.closed()).code, 4000)
    await gateway.assertIdle()
    await eventually('the stream', () => backend.open === 0)
  })
})
