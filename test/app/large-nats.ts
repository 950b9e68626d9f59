import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { startNats, type TestNats } from '../support/nats.ts'
import { temporaryDirectory } from './router-process.ts'

/** For the headers of a message, which `max_payload` counts too. */
const HEADER_BYTES = 4096

/** A server of its own that takes messages of this size; by default the limit is 1 MiB. */
export async function startLargeNats(t: TestContext, maxBytes: number): Promise<TestNats> {
  const config = join(await temporaryDirectory(), 'nats.conf')
  await writeFile(config, `max_payload: ${maxBytes + HEADER_BYTES}\nmax_pending: ${4 * maxBytes}\n`)
  const nats = await startNats({ args: ['-c', config] })
  t.after(() => nats.stop())
  return nats
}
