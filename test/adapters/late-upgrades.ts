/** Upgrades WebSockets outside of their handlers, one after the other, and tells with which codes they closed. */

import * as uws from 'uWebSockets.js'
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { SpareCork } from '../../src/adapters/spare-cork.ts'

const spareCork = await SpareCork.open(uws)
const app = uws.App().ws('/*', {
  upgrade(res, req, context) {
    const key = req.getHeader('sec-websocket-key')
    res.onAborted(() => {})
    setImmediate(() => spareCork.cork(res, () => res.upgrade({}, key, '', '', context)))
  },
  open: (ws) => void ws.send('hello'),
})
let port = 0
app.listen('127.0.0.1', 0, (socket) => {
  if (socket) port = uws.us_socket_local_port(socket)
})
const codes: Record<string, number> = {}
for (let i = 0; i < 200; i++) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`)
  socket.once('message', () => socket.close(1000))
  const [code] = (await once(socket, 'close')) as [number]
  codes[code] = (codes[code] ?? 0) + 1
}
process.stdout.write(`${JSON.stringify(codes)}\n`)
app.close()
spareCork.close()
