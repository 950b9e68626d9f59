/**
 * The ceiling for WebSockets with one more idea of this router, as a process of its own: what comes in one turn of the
 * event loop goes out in one write, to NATS and to each client. Still no routing, headers, deadlines or metrics.
 */

import { App, us_socket_local_port, type WebSocket } from 'uWebSockets.js'
import { connect, nuid } from 'nats'

interface Client {
  /** Of this turn. */
  replies: Uint8Array[]
}

const client = await connect({ servers: process.env.NATS_URL ?? 'nats://127.0.0.1:4222', name: 'bench-ws-batched' })
const prefix = `_INBOX.${nuid.next()}.`
const pending = new Map<string, WebSocket<Client>>()
let next = 0

let requests: { readonly token: string; readonly payload: Uint8Array }[] = []
function publishAll(): void {
  for (const { token, payload } of requests) client.publish('bench.ceiling', payload, { reply: prefix + token })
  requests = []
}

let answered: WebSocket<Client>[] = []
function sendAll(): void {
  for (const ws of answered) {
    const data = ws.getUserData()
    const { replies } = data
    data.replies = []
    ws.cork(() => {
      for (const reply of replies) ws.send(reply, false)
    })
  }
  answered = []
}

client.subscribe(`${prefix}*`, {
  callback: (_error, message) => {
    const token = message.subject.substring(prefix.length)
    const ws = pending.get(token)
    pending.delete(token)
    if (ws === undefined) return
    const { replies } = ws.getUserData()
    if (replies.push(message.data) > 1) return
    if (answered.push(ws) === 1) setImmediate(sendAll)
  },
})

App()
  .ws<Client>('/*', {
    upgrade(res, req, context) {
      const key = req.getHeader('sec-websocket-key')
      res.upgrade<Client>({ replies: [] }, key, '', '', context)
    },
    message(ws, message) {
      const token = (next++).toString(36)
      pending.set(token, ws)
      if (requests.push({ token, payload: new Uint8Array(message.slice(0)) }) === 1) setImmediate(publishAll)
    },
    close(closed) {
      for (const [token, ws] of pending) if (ws === closed) pending.delete(token)
      answered = answered.filter((ws) => ws !== closed)
    },
  })
  .listen('127.0.0.1', 0, (socket) => {
    process.stdout.write(socket ? `ready ${us_socket_local_port(socket)}\n` : 'cannot listen\n')
  })
