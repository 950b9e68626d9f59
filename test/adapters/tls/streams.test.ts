import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { type RequestOptions, request } from 'node:https'
import { buffer } from 'node:stream/consumers'
import { after, afterEach, before, describe, test } from 'node:test'
import { WebSocket } from 'ws'
import { ExchangeError } from '../../../src/exchange/errors.ts'
import { createAuthority, temporaryFiles } from '../../support/certificates.ts'
import { eventually } from '../../support/eventually.ts'
import { type Gateway, startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { needs } from '../../support/needs.ts'
import { type StreamBackend, type StreamHandler, startStreamBackend } from '../../support/stream-backend.ts'
import { echo } from '../tcp/start-tcp.ts'

const skip = needs(spawnSync('openssl', ['version']).status === 0, 'openssl is not here')
const P = `tls${process.pid}`
const LARGE = Buffer.alloc(6 * 1024 * 1024, 'over TLS a chunk is a record, or several ')

/** With what came in the first message. */
const echoAll: StreamHandler = (stream, open) => {
  const side = echo(stream, open)
  if (open.payload.length > 0) stream.data(open.payload)
  if (!open.more) stream.end()
  return side
}

describe('streams over TLS', { skip }, () => {
  let gateway: Gateway
  let backend: StreamBackend
  let ca: Buffer

  const directory = temporaryFiles({ after })

  before(async () => {
    const authority = createAuthority(directory)
    ca = readFileSync(authority.cert)
    backend = await startStreamBackend(await natsUrl())
    await backend.handle(`${P}.echo`, echoAll)
    await backend.handle(`${P}.half`, (stream) => {
      stream.accept(1, 64 * 1024)
      stream.head({ status: 200, headers: [] })
      stream.data(Buffer.from('half'))
      stream.reset(new ExchangeError('backend_error', 'test'))
      return {}
    })
    await backend.nats.flush()
    gateway = await startGateway({
      natsUrl: await natsUrl(),
      tls: { ...authority.issue('server'), clientCa: undefined, clientAuth: 'none' },
      routes: [
        { name: 'echo', match: { path: '/echo' }, subject: `${P}.echo`, body: 'stream', reply: 'many' },
        { name: 'half', match: { path: '/half' }, subject: `${P}.half`, body: 'stream', reply: 'many' },
        { name: 'ws', match: { kind: 'ws', path: '/ws' }, subject: `${P}.echo` },
      ],
    })
  })
  after(async () => {
    await gateway.close()
    await backend.close()
  })
  afterEach(() => gateway.assertIdle())

  const open = (path: string, options: RequestOptions = {}) =>
    request({ host: '127.0.0.1', port: gateway.port, path, ca, agent: false, ...options })
  const responseTo = async (req: ReturnType<typeof request>) => (await once(req, 'response'))[0] as IncomingMessage

  test('carry a large body there and back, whole', async () => {
    const req = open('/echo', { method: 'POST' })
    req.end(LARGE)
    assert.ok((await buffer(await responseTo(req))).equals(LARGE))
  })

  test('wait for a client that does not read, and lose nothing', async () => {
    const req = open('/echo', { method: 'POST' })
    req.end(LARGE)
    const response = await responseTo(req)
    // Until everybody's buffers are full.
    let before = -1
    await eventually('nothing moves', () => {
      const isStill = response.socket.bytesRead === before
      before = response.socket.bytesRead
      return isStill
    })
    assert.ok((await buffer(response)).equals(LARGE))
  })

  test('show a client that a response was cut', async () => {
    const req = open('/half', { method: 'POST' })
    req.end('x')
    const response = await responseTo(req)
    await assert.rejects(buffer(response), /aborted/)
  })

  test('tell the backend that a client has gone', async () => {
    const req = open('/echo', { method: 'POST' })
    req.write('begun')
    const response = await responseTo(req)
    response.on('error', () => {})
    await once(response, 'data')
    req.on('error', () => {})
    req.destroy()
    await eventually('the exchange is over', () => gateway.ended.at(-1)?.code === 'client_gone')
    await eventually('for the backend too', () => backend.open === 0)
  })

  test('carry a large message of a WebSocket there and back', async () => {
    const socket = new WebSocket(`wss://127.0.0.1:${gateway.port}/ws`, { ca })
    await once(socket, 'open')
    const message = LARGE.subarray(0, 900 * 1024)
    let received = 0
    const whole = new Promise<void>((resolve) => {
      socket.on('message', (part: Buffer) => {
        received += part.length
        if (received === message.length) resolve()
      })
    })
    socket.send(message)
    await whole
    socket.close()
    await once(socket, 'close')
  })
})
