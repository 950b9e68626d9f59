/**
 * The bare ceiling for WebSockets as a process of its own: uWebSockets.js, one muxed inbox, one publish a message, one
 * message a reply, and nothing else.
 */

import { App, us_socket_local_port, type WebSocket } from 'uWebSockets.js'
import { connect, nuid } from 'nats'

const client = await connect({ servers: process.env.NATS_URL ?? 'nats://127.0.0.1:4222', name: 'bench-ws-ceiling' })
const prefix = `_INBOX.${nuid.next()}.`
const pending = new Map<string, WebSocket<undefined>>()
let next = 0

client.subscribe(`${prefix}*`, {
  callback: (_error, message) => {
    const token = message.subject.substring(prefix.length)
    pending.get(token)?.send(message.data, false)
    pending.delete(token)
  },
})

App()
  .ws<undefined>('/*', {
    message(ws, message) {
      const token = (next++).toString(36)
      pending.set(token, ws)
      client.publish('bench.ceiling', new Uint8Array(message), { reply: prefix + token })
    },
    close(closed) {
      for (const [token, ws] of pending) if (ws === closed) pending.delete(token)
    },
  })
  .listen('127.0.0.1', 0, (socket) => {
    process.stdout.write(socket ? `ready ${us_socket_local_port(socket)}\n` : 'cannot listen\n')
  })
