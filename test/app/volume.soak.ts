import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../support/free-port.ts'
import { natsUrl, startNats } from '../support/nats.ts'
import {
  download,
  idle,
  openStalledReaders,
  peakRssMiB,
  readSome,
  rssMiB,
  startVolumeRouter,
  unaryP99Ms,
  upload,
} from './volume.ts'

const READERS = 1000
const READ_FOR_MS = 60_000
/** How slow they are: each takes what has come by then, and nothing in between. */
const READ_EVERY_MS = 500
const UNARY_REQUESTS = 5000

for (const [name, move] of [
  ['up', upload],
  ['down', download],
] as const) {
  test(`4 GiB ${name}, checksummed, in constant memory`, async (t) => {
    const router = await startVolumeRouter(t, await natsUrl())
    await move(router, 64)
    const before = rssMiB(router.pid)
    const startedMs = performance.now()
    const peak = await peakRssMiB(router.pid, () => move(router, 4096))
    const rate = 4096 / ((performance.now() - startedMs) / 1000)
    t.diagnostic(`${rate.toFixed(0)} MiB/s; memory ${before.toFixed(0)} MiB, at most ${peak.toFixed(0)} MiB`)
    assert.ok(peak - before < 64, `it grew from ${before} to ${peak} MiB`)
  })
}

test('1,000 slow readers of an endless stream cost little memory and no connection to NATS', async (t) => {
  const monitoring = await freePort()
  const nats = await startNats({ args: ['-m', String(monitoring)] })
  t.after(() => nats.stop())
  const router = await startVolumeRouter(t, nats.url)
  const sockets = await openStalledReaders(t, router, READERS)
  let bytes = 0
  const peak = await peakRssMiB(router.pid, async () => {
    const endMs = performance.now() + READ_FOR_MS
    while (performance.now() < endMs) {
      for (const socket of sockets) bytes += readSome(socket)
      await delay(READ_EVERY_MS)
    }
  })
  t.diagnostic(
    `${(bytes / 2 ** 20 / (READ_FOR_MS / 1000)).toFixed(0)} MiB/s read, memory at most ${peak.toFixed(0)} MiB`,
  )
  assert.ok(bytes > READERS * 1024 * 1024, `only ${bytes} bytes came`)
  assert.ok(peak < 300, `${peak} MiB`)
  const server = await (await fetch(`http://127.0.0.1:${monitoring}/varz`)).json()
  assert.equal((server as { slow_consumers: number }).slow_consumers, 0)
  for (const socket of sockets) socket.destroy()
  await idle(router)
})

test('one stalled client does not slow another', async (t) => {
  const router = await startVolumeRouter(t, await natsUrl())
  await unaryP99Ms(router, UNARY_REQUESTS)
  const quiet = await unaryP99Ms(router, UNARY_REQUESTS)
  await openStalledReaders(t, router, 1)
  const busy = await unaryP99Ms(router, UNARY_REQUESTS)
  t.diagnostic(`p99 ${quiet.toFixed(2)} ms, with a stalled client ${busy.toFixed(2)} ms`)
  assert.ok(busy < 2 * quiet, `p99 went from ${quiet} to ${busy} ms`)
})
