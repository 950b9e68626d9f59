import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { SUBJECTS } from '../fuzz/routes.ts'
import { type FuzzStage, startFuzzStage } from '../fuzz/stage.ts'
import { natsUrl } from '../support/nats.ts'
import type { Report } from './good-client.ts'
import { attack } from './siege-attacks.ts'

export interface Siege {
  /** Before it, to know how fast the router is when it is left alone. */
  readonly quietMs: number
  /** A siege before the siege, which fills caches and pools, and compiles code; 0: none. */
  readonly warmUpMs: number
  readonly durationMs: number
  readonly seed: number
  /** How much slower the good client may become, and below which figure that does not count. */
  readonly maxSlowdown: number
  readonly floorMs: number
  /** Of the router's memory from the end of the warm-up to the end of the siege. */
  readonly maxGrowthBytes: number
}

/** What clients run into again and again: see `siege-attacks.ts`. */
const QUICK_LIMITS = ['connections', 'connections_per_ip', 'unfinished_head', 'handshake']
/** What takes `limits.stallTimeout`, a minute. */
const SLOW_LIMITS = ['slow_body', 'slow_reader']
/** In which each of them is met: the slow ones begin anew when all of their connections are closed. */
const ROUND_MS = 100_000
const MIB = 1024 ** 2

export const hasSlowHttpTest = spawnSync('slowhttptest', ['-h']).error === undefined

/**
 * All attacks at once while a client that behaves goes on: it loses no request, and the router, with the limits that all
 * have by default, neither falls nor leaks. That includes `limits.loopDelay`: whom it refuses for the load is lost too.
 */
export async function besiege(t: TestContext, siege: Siege): Promise<void> {
  const stage = await startFuzzStage(t)
  // Before the attackers, whose low priority it would get.
  const client = await startGoodClient(t, stage)
  const quiet = await client.during(() => delay(siege.quietMs))
  const warm = siege.warmUpMs > 0 ? await client.during(() => attack(stage, siege.warmUpMs, siege.seed)) : undefined
  const before = await memoryAtRest(stage)
  const busy = await client.during(async () => {
    await Promise.all([attack(stage, siege.durationMs, siege.seed + 1), watchLimits(t, stage, siege.durationMs)])
  })
  const after = await memoryAtRest(stage)
  for (const [name, report] of Object.entries({ quiet, ...(warm && { warm }), besieged: busy })) {
    const { requests, p50Ms, p99Ms } = report
    t.diagnostic(`${name}: ${requests} requests, p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`)
  }
  assert.deepEqual([...quiet.lost, ...(warm?.lost ?? []), ...busy.lost], [])
  assert.ok(quiet.requests > 50 && busy.requests > 50, 'the good client hardly ran')
  for (const kind of ['heldBytes', 'residentBytes'] as const) {
    t.diagnostic(`${kind}: ${(before[kind] / MIB).toFixed(1)} to ${(after[kind] / MIB).toFixed(1)} MiB`)
  }
  const mostMs = Math.max(siege.floorMs, siege.maxSlowdown * quiet.p99Ms)
  assert.ok(busy.p99Ms < mostMs, `p99 went from ${quiet.p99Ms} to ${busy.p99Ms} ms`)
  for (const kind of ['heldBytes', 'residentBytes'] as const) {
    assert.ok(after[kind] - before[kind] < siege.maxGrowthBytes, `${kind} went from ${before[kind]} to ${after[kind]}`)
  }
}

/** When all attackers have gone and nothing of them is left. */
async function memoryAtRest(stage: FuzzStage) {
  assert.equal(await stage.complaint(), undefined)
  assert.equal(await stage.leftovers(), undefined)
  return stage.memory()
}

/** In each round anew clients have to run into each limit: or else the attack on it is over, or none. */
async function watchLimits(t: TestContext, stage: FuzzStage, durationMs: number): Promise<void> {
  const rounds = Math.max(1, Math.floor(durationMs / ROUND_MS))
  const expected = durationMs < ROUND_MS ? QUICK_LIMITS : [...QUICK_LIMITS, ...SLOW_LIMITS]
  let before = await stage.limited()
  for (let round = 1; round <= rounds; round++) {
    await delay(durationMs / rounds)
    const now = await stage.limited()
    const met = Object.entries(now).map(([limit, count]) => [limit, count - (before[limit] ?? 0)] as const)
    const said = met.flatMap(([limit, count]) => (count > 0 ? [`${limit} ${count}`] : [])).join(', ')
    t.diagnostic(`limits met in round ${round} of ${rounds}: ${said}`)
    const missing = expected.filter((limit) => !met.some(([name, count]) => name === limit && count > 0))
    assert.deepEqual(missing, [], `in round ${round} these limits were not met`)
    before = now
  }
}

async function startGoodClient(t: TestContext, { httpPort }: FuzzStage) {
  const program = join(import.meta.dirname, 'good-client.ts')
  const argv = [program, String(httpPort), await natsUrl(), `${SUBJECTS}.good`]
  const child = spawn(process.execPath, argv, { stdio: ['pipe', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  t.after(async () => {
    child.kill()
    await closed
  })
  const lines = createInterface({ input: child.stdout })
  return {
    /** What it sees while that goes on. */
    async during(work: () => Promise<unknown>): Promise<Report> {
      child.stdin.write('begin\n')
      await work()
      child.stdin.write('end\n')
      const [line] = await Promise.race([
        once(lines, 'line'),
        closed.then(() => Promise.reject(new Error('the good client has ended'))),
      ])
      return JSON.parse(line) as Report
    },
  }
}
