import { test } from 'node:test'
import { floodRouter } from './slow-consumer.ts'

test('64 MiB pending for a router: nats-server cuts it off, what it lost is never whole, and it comes back', async (t) => {
  await floodRouter(t, 96 * 1024 ** 2)
})
