import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { test } from 'node:test'
import { connect } from 'nats'
import { startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'

test('a client that sends nothing more of a whole body is answered with 504 after the timeout of the route', async (t) => {
  const subject = `t${process.pid}unfinished`
  const nats = await natsUrl()
  const gateway = await startGateway({
    natsUrl: nats,
    routes: [{ name: 'whole', match: { path: '/whole' }, subject, timeout: '200ms' }],
    tcp: [{ protocol: 'mux', route: undefined }],
  })
  t.after(() => gateway.close())
  const responder = await connect({ servers: nats })
  t.after(() => responder.close())
  let requests = 0
  responder.subscribe(subject, { callback: () => void requests++ })
  await responder.flush()

  const http = connectTcp(gateway.port, '127.0.0.1')
  http.write('POST /whole HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\nhalf')
  const [answer] = (await once(http, 'data')) as [Buffer]
  assert.match(answer.toString(), /^HTTP\/1\.1 504 [\s\S]*"code":"timeout"/)

  const mux = connectTcp(gateway.tcp.ports[0]!, '127.0.0.1')
  mux.write('{"t":"open","id":1,"path":"/whole","more":true}\n')
  const [frame] = (await once(mux, 'data')) as [Buffer]
  assert.match(frame.toString(), /^\{"t":"reset","id":1,"code":"timeout","status":504/)
  assert.equal(requests, 0)
  http.destroy()
  mux.destroy()
})
