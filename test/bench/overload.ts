import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { startPolicyRoutes, startResponder } from '../../src/bench/gateways.ts'
import { type OpenLoopOptions, type OpenLoopResult, runOpenLoop } from '../../src/bench/open-loop.ts'
import { ChildGuard } from '../../src/dev/child-guard.ts'
import { startNatsServer } from '../../src/dev/nats-server.ts'
import { natsUrl } from '../support/nats.ts'

const READY_MS = 15_000

/** What is asked, and where. */
type Target = Pick<OpenLoopOptions, 'port' | 'path' | 'headers'>

/** Asks a router for so much. */
export type Ask = (load: Omit<OpenLoopOptions, keyof Target>) => Promise<OpenLoopResult>

/** A router that is there until the test is over. */
export async function ask(t: TestContext, start: (guard: ChildGuard) => Promise<Target>): Promise<Ask> {
  const guard = new ChildGuard()
  t.after(() => guard.close())
  const target = await start(guard)
  return (load) => runOpenLoop({ ...target, ...load })
}

/** One whose event loop is held up for half a millisecond by each request: see there. */
export async function startBlockingRouter(guard: ChildGuard): Promise<Target> {
  const url = await natsUrl()
  await startResponder(guard, url)
  const child = guard.spawn({
    name: 'blocking-router',
    command: process.execPath,
    args: [join(import.meta.dirname, 'blocking-router.ts')],
    env: { ...process.env, NATS_URL: url },
  })
  const [, port] = await child.waitForLine(/^ready (\d+)/, READY_MS)
  return { port: Number(port), path: '/bench/42' }
}

/**
 * One as it is served, whose requests have policies. It shares a processor with the backend, so that it is the router that
 * cannot do more, long before those who ask and NATS, on the other one, are busy.
 */
export async function startServedRouter(guard: ChildGuard): Promise<Target> {
  runOn(1)
  const { url } = await startNatsServer(guard, { binary: process.env.NATS_SERVER_BIN ?? 'nats-server' })
  runOn(0)
  await startResponder(guard, url)
  const routes = await startPolicyRoutes(guard, url, 1000)
  runOn(1)
  const { url: asked, headers = [] } = routes.find(({ name }) => name === 'policies')!
  const { port, pathname: path } = new URL(asked)
  return { port: Number(port), path, headers }
}

/** With all that is started after it. */
function runOn(processor: number): void {
  const { status, stderr } = spawnSync('taskset', ['-a', '-c', '-p', String(processor), String(process.pid)])
  assert.equal(status, 0, String(stderr))
}
