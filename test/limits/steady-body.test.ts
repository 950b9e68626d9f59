import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from 'nats'
import { startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { openRaw } from '../support/raw-http.ts'

const CHUNK = 'x'.repeat(5000)
/** Its pace is what is tested: all of it takes longer than the ticks of the watch, which must not stop what comes. */
const CHUNK_EVERY_MS = 400
const CHUNKS = 14

test('a body that comes steadily for seconds is taken', async (t) => {
  const subject = `t${process.pid}steady`
  const nats = await connect({ servers: await natsUrl() })
  t.after(() => nats.close())
  nats.subscribe(subject, { callback: (_error, message) => void message.respond(String(message.data.length)) })
  await nats.flush()
  const routes = [{ name: 'steady', match: { path: '/' }, subject }]
  const gateway = await startGateway({ natsUrl: await natsUrl(), routes })
  t.after(() => gateway.close())
  const raw = await openRaw(gateway.port)
  raw.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${CHUNK.length * CHUNKS}\r\n\r\n`)
  for (let i = 0; i < CHUNKS; i++) {
    raw.write(CHUNK)
    await delay(CHUNK_EVERY_MS)
  }
  await raw.until(new RegExp(`^HTTP/1.1 200 [^]*\r\n\r\n${CHUNK.length * CHUNKS}$`))
  raw.destroy()
  await gateway.assertIdle()
})
