/**
 * The bare ceiling as a process of its own: uWebSockets.js, one muxed inbox, one publish a request, and nothing else: no
 * routing, no headers, no deadline, no metrics, no errors. What a gateway on this stack cannot well be faster than.
 */

import { App, type HttpResponse, us_socket_local_port } from 'uWebSockets.js'
import { connect, nuid } from 'nats'

const client = await connect({ servers: process.env.NATS_URL ?? 'nats://127.0.0.1:4222', name: 'bench-ceiling' })
const prefix = `_INBOX.${nuid.next()}.`
const pending = new Map<string, HttpResponse>()
let next = 0

client.subscribe(`${prefix}*`, {
  callback: (_error, message) => {
    const token = message.subject.substring(prefix.length)
    const res = pending.get(token)
    if (res === undefined) return
    pending.delete(token)
    res.cork(() => {
      res.writeHeader('content-type', 'application/json').end(message.data)
    })
  },
})

App()
  .any('/*', (res) => {
    const token = (next++).toString(36)
    pending.set(token, res)
    res.onAborted(() => pending.delete(token))
    client.publish('bench.ceiling', undefined, { reply: prefix + token })
  })
  .listen('127.0.0.1', Number(process.env.PORT ?? 0), (socket) => {
    process.stdout.write(socket ? `ready ${us_socket_local_port(socket)}\n` : 'cannot listen\n')
  })
