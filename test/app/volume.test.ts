import assert from 'node:assert/strict'
import { test } from 'node:test'
import { natsUrl } from '../support/nats.ts'
import {
  download,
  idle,
  openStalledReaders,
  peakRssMiB,
  rssMiB,
  startVolumeRouter,
  unaryP99Ms,
  upload,
} from './volume.ts'

// What takes gigabytes and minutes is in volume.soak.ts.

test('bodies of any size pass both ways, whole, in constant memory', async (t) => {
  const router = await startVolumeRouter(t, await natsUrl())
  await upload(router, 32)
  await download(router, 32)
  const before = rssMiB(router.pid)
  const peak = await peakRssMiB(router.pid, async () => {
    await upload(router, 192)
    await download(router, 192)
  })
  t.diagnostic(`resident memory ${before.toFixed(0)} MiB, at most ${peak.toFixed(0)} MiB`)
  assert.ok(peak - before < 64, `it grew from ${before} to ${peak} MiB`)
  await idle(router)
})

test('clients that read nothing hold up neither each other nor small requests', async (t) => {
  const router = await startVolumeRouter(t, await natsUrl())
  await unaryP99Ms(router, 500)
  const quiet = await unaryP99Ms(router, 500)
  const sockets = await openStalledReaders(t, router, 50)
  const busy = await unaryP99Ms(router, 500)
  t.diagnostic(`p99 ${quiet.toFixed(2)} ms, with stalled clients ${busy.toFixed(2)} ms`)
  // The bar is twice the quiet value; of so few requests on a shared machine a few milliseconds are noise.
  assert.ok(busy < Math.max(2 * quiet, quiet + 5), `p99 went from ${quiet} to ${busy} ms`)
  for (const socket of sockets) socket.destroy()
  await idle(router)
})
