import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { floodRouter } from './slow-consumer.ts'

test('a router that nats-server cuts off as a slow consumer: what it lost is never whole, and it comes back', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'engine-router-nats-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const file = join(directory, 'nats.conf')
  await writeFile(file, 'max_pending: 8MB\nwrite_deadline: "1s"\n')
  await floodRouter(t, 40 * 1024 ** 2, ['-c', file])
})
