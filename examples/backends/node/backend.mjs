// The whole of a backend: `npm install engine-router nats`, then `node backend.mjs`. Its routes need `body: stream`.
import { setTimeout as delay } from 'node:timers/promises'
import { serve } from 'engine-router/backend'

const service = await serve({
  nats: { servers: process.env.NATS_URL ?? 'nats://127.0.0.1:4222' },
  name: 'demo-node',
  version: '1.0.0',
})

// The body streams through, at the pace of the slower end.
service.fetch('demo.echo', (request) => new Response(request.body))

service.fetch(
  'demo.ticks',
  (request) => new Response(ticks(request.signal), { headers: { 'content-type': 'text/plain' } }),
)

// A WebSocket, or any other conversation.
service.exchange('demo.talk', async (x) => {
  for await (const message of x) await x.send(message)
})

async function* everySecond(signal) {
  for (let n = 1; !signal.aborted; n++) {
    yield Buffer.from(`${n}\n`)
    await delay(1000, undefined, { signal }).catch(() => {
      // The client has left: the loop ends.
    })
  }
}

function ticks(signal) {
  return ReadableStream.from(everySecond(signal))
}

await service.flush()
console.log('ready')
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => service.drain(10_000))
