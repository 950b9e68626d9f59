/**
 * The demo backend of `npm run dev`: a plain NATS responder that knows nothing of engine-router. Kill it by hand to see
 * what clients get when no backend is there.
 */
import { headers, JSONCodec, type Msg, type NatsConnection } from 'nats'
import { connectNats } from '../backend/connect.ts'
import { createDemoSpans } from './demo-spans.ts'

const TICK_MS = 500
const TICKS_MAX_MS = 60_000
const json = JSONCodec()

const traced = await createDemoSpans(process.env)

// A list of URLs, maybe with user info: what the client library does not take.
const connection = await connectNats({
  servers: (process.env.NATS_URL ?? 'nats://127.0.0.1:4222').split(','),
  name: 'demo-backend',
  maxReconnectAttempts: -1,
})

respond('hello.*', (message) => {
  const reply = headers()
  reply.set('content-type', 'application/json')
  message.respond(`${JSON.stringify({ hello: message.subject.split('.')[1], from: process.pid })}\n`, {
    headers: reply,
  })
})

respond('demo.echo', (message) => {
  const reply = headers()
  reply.set('Sx-Status', '201')
  reply.set('content-type', message.headers?.get('content-type') || 'application/octet-stream')
  message.respond(message.data, { headers: reply })
})

respond('demo.ticks', (message) => tick(connection, message))

await connection.flush()
console.log(`demo backend ready: pid ${process.pid}`)

function respond(subject: string, handle: (message: Msg) => void): void {
  connection.subscribe(subject, {
    queue: 'q',
    callback: (_error, message) => traced(subject, message, () => handle(message)),
  })
}

/** A message each half second, and after a minute the empty one that ends a `reply: many` response. */
function tick(on: NatsConnection, request: Msg): void {
  const startedAt = Date.now()
  let count = 0
  const timer = setInterval(() => {
    if (on.isClosed()) clearInterval(timer)
    else if (Date.now() - startedAt < TICKS_MAX_MS) {
      request.respond(json.encode({ tick: ++count, at: new Date().toISOString() }))
    } else {
      clearInterval(timer)
      request.respond()
    }
  }, TICK_MS)
}
