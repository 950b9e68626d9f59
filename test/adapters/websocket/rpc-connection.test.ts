import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FlushQueue } from '../../../src/adapters/flush-queue.ts'
import type { ClientSocket } from '../../../src/adapters/websocket/client-socket.ts'
import type { WebSocketParts } from '../../../src/adapters/websocket/parts.ts'
import { RpcConnection } from '../../../src/adapters/websocket/rpc-connection.ts'
import { WritableQueue } from '../../../src/adapters/websocket/writable-queue.ts'
import { BufferBudget } from '../../../src/exchange/buffer-budget.ts'
import { CLOSED_SIDE } from '../../../src/exchange/closed-side.ts'
import { DeadlineWheel } from '../../../src/exchange/deadline-wheel.ts'
import { ExchangeError } from '../../../src/exchange/errors.ts'
import type { ClientSide } from '../../../src/exchange/exchange.ts'
import { DEAF_LIMIT_OBSERVER } from '../../../src/exchange/limit.ts'
import { testRoute } from '../../support/test-route.ts'
import { unlimitedWebConnections } from '../../support/unlimited.ts'

/** A connection whose client takes one message, and then no more until it has read. */
function connectSlowClient() {
  const clients: ClientSide[] = []
  const heard: string[] = []
  const parts: WebSocketParts = {
    wheel: new DeadlineWheel({ now: () => 0 }),
    observer: { begun() {}, refused() {}, ended() {} },
    connections: unlimitedWebConnections(),
    limitObserver: DEAF_LIMIT_OBSERVER,
    buffers: new BufferBudget(),
    messageRate: { messagesPerSecond: 0, bytesPerSecond: 0 },
    stallTimeoutMs: 1000,
    open: new Set(),
    writable: new WritableQueue(),
    flushes: new FlushQueue(),
    pingEveryMs: 1000,
    lingerMs: 1000,
    maxMessageBytes: 1024,
    owner: undefined,
    lastNumber: 0,
  }
  const dispatch = (_request: unknown, client: ClientSide) => {
    clients.push(client)
    return CLOSED_SIDE
  }
  const connection = new RpcConnection(
    parts,
    {
      kind: 'ws',
      method: 'GET',
      host: '',
      path: '/',
      query: '',
      remote: '',
      certificate: undefined,
      requestId: 'r',
      headers: [],
      length: -1,
      route: { ...testRoute({}), dispatch },
      subject: 's',
    },
    () => 'r',
  )
  const socket = {
    send(message: Uint8Array) {
      heard.push(Buffer.from(message).toString())
      return false
    },
    cork: (work: () => void) => work(),
    close: (code: number, reason: string) => heard.push(`${code} ${reason}`),
    release() {},
  }
  connection.onOpen(socket as unknown as ClientSocket)
  for (let i = 0; i < 3; i++) connection.onMessage(Buffer.from('x'), true)
  const reply = (i: number) => {
    const body = Buffer.from(`reply ${i}`)
    clients[i]!.head({ status: 200, headers: [], length: body.length, messages: false })
    clients[i]!.data(body)
    clients[i]!.end()
  }
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  return { connection, clients, heard, reply, settle }
}

describe('an rpc connection whose client reads slowly', () => {
  test('closes in a drain once all replies have gone out', async () => {
    const { connection, heard, reply, settle } = connectSlowClient()
    connection.drain()
    for (let i = 0; i < 3; i++) reply(i)
    await settle()
    assert.deepEqual(heard, ['reply 0'])
    connection.onWritable()
    await settle()
    assert.deepEqual(heard, ['reply 0', 'reply 1'])
    connection.onWritable()
    await settle()
    assert.deepEqual(heard, ['reply 0', 'reply 1', 'reply 2', '1012 draining'])
  })

  test('closes for a refusal once the replies before it have gone out', async () => {
    const { connection, clients, heard, reply, settle } = connectSlowClient()
    reply(0)
    reply(1)
    clients[2]!.reset(new ExchangeError('timeout', 'no reply'))
    await settle()
    assert.deepEqual(heard, ['reply 0'])
    connection.onWritable()
    connection.onWritable()
    await settle()
    assert.deepEqual(heard, ['reply 0', 'reply 1', '4504 timeout'])
  })
})
