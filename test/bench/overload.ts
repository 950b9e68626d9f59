import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type OpenLoopResult, runOpenLoop } from '../../src/bench/open-loop.ts'
import type { Child } from '../../src/dev/child.ts'
import { ChildGuard } from '../../src/dev/child-guard.ts'
import { natsUrl } from '../support/nats.ts'

const READY_MS = 15_000
/** More than can be waiting, so that what is due never waits for a connection. */
const CONNECTIONS = 1000

export interface OverloadOptions {
  readonly seconds: number
  /** What is asked for each second, given what the router serves at most. */
  readonly demand: (peak: number) => number
}

export interface Overload {
  /** The most that the router serves, each second. */
  readonly peak: number
  /** At 80% of the peak. */
  readonly normal: OpenLoopResult
  /** From when the router has noticed. */
  readonly over: OpenLoopResult
}

/** A router at and beyond its capacity. */
export async function measureOverload(t: TestContext, { seconds, demand }: OverloadOptions): Promise<Overload> {
  const guard = new ChildGuard()
  t.after(() => guard.close())
  const env = { ...process.env, NATS_URL: await natsUrl() }
  const start = (file: string): Child =>
    guard.spawn({ name: file, command: process.execPath, args: [join(import.meta.dirname, file)], env })
  await start('../../src/bench/responder.ts').waitForLine(/^ready/, READY_MS)
  const [, text] = await start('blocking-router.ts').waitForLine(/^ready (\d+)/, READY_MS)
  const run = (requestsPerSecond: number, connections: number, seconds: number, warmUpSeconds: number) =>
    runOpenLoop({
      port: Number(text),
      path: '/bench/42',
      connections,
      requestsPerSecond,
      seconds,
      warmUpSeconds,
    })
  const shortS = Math.min(seconds / 3, 10)
  const { goodput: peak } = await run(Number.POSITIVE_INFINITY, 16, shortS, 1)
  const normal = await run(0.8 * peak, CONNECTIONS, shortS, 1)
  const over = await run(demand(peak), CONNECTIONS, seconds, 2)
  return { peak, normal, over }
}
