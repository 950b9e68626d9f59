/** What many build first, as a process of its own: the `ws` package and one `nc.request` a message. To compare with. */

import type { AddressInfo } from 'node:net'
import { connect } from 'nats'
import { WebSocketServer } from 'ws'

const client = await connect({ servers: process.env.NATS_URL ?? 'nats://127.0.0.1:4222', name: 'bench-ws-request' })
const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
server.on('connection', (socket) => {
  socket.on('message', async (message: Buffer) => {
    const reply = await client.request('bench.ws', message, { timeout: 10_000 })
    socket.send(reply.data)
  })
  socket.on('error', () => socket.terminate())
})
server.on('listening', () => process.stdout.write(`ready ${(server.address() as AddressInfo).port}\n`))
