import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { constants, setPriority } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { bytesOf } from '../adapters/http/smuggling/case.ts'
import { SMUGGLING_TABLE } from '../adapters/http/smuggling/table.ts'
import { sendConnection } from '../fuzz/connection.ts'
import { fuzz } from '../fuzz/fuzz.ts'
import { SUBJECTS } from '../fuzz/routes.ts'
import { type FuzzStage, startFuzzStage } from '../fuzz/stage.ts'
import { TARGETS } from '../fuzz/targets/index.ts'
import { natsUrl } from '../support/nats.ts'
import type { Report } from './good-client.ts'

export interface Siege {
  readonly durationMs: number
  /** Before it, to know how fast the router is when it is left alone. */
  readonly quietMs: number
  readonly seed: number
  /** How much slower the good client may become, and below which figure that does not count. */
  readonly maxSlowdown: number
  readonly floorMs: number
}

const SLOW_CONNECTIONS = 200
/** Of a flood, on each port: 500 connections a second, 100 at a time. */
const FLOOD_AT_ONCE = 10
const FLOOD_EVERY_MS = 20
const FLOOD_HELD_MS = 200
const REPLAYED_AT_ONCE = 20

const CASES = Object.values(SMUGGLING_TABLE).flat()

/** slowhttptest's ways to hold connections: unfinished heads, unfinished bodies, and answers that nobody reads. */
const SLOW_ATTACKS: readonly (readonly string[])[] = [
  ['-H', '-u', '/well'],
  ['-B', '-u', '/well', '-s', '8192'],
  ['-X', '-u', '/large', '-w', '512', '-y', '1024', '-n', '5', '-z', '32', '-k', '1'],
]

export const hasSlowHttpTest = spawnSync('slowhttptest', ['-h']).error === undefined

/** All at once, while a client that behaves goes on: it loses no request, and the router neither falls nor leaks. */
export async function besiege(t: TestContext, siege: Siege): Promise<void> {
  const stage = await startFuzzStage(t)
  const quiet = await withGoodClient(stage, () => delay(siege.quietMs))
  const busy = await withGoodClient(stage, () => attack(stage, siege))
  t.diagnostic(`quiet: ${quiet.requests} requests, p50 ${quiet.p50Ms.toFixed(1)} ms, p99 ${quiet.p99Ms.toFixed(1)} ms`)
  t.diagnostic(`besieged: ${busy.requests} requests, p50 ${busy.p50Ms.toFixed(1)} ms, p99 ${busy.p99Ms.toFixed(1)} ms`)
  assert.deepEqual([...quiet.lost, ...busy.lost], [])
  assert.ok(quiet.requests > 50 && busy.requests > 50, 'the good client hardly ran')
  const mostMs = Math.max(siege.floorMs, siege.maxSlowdown * quiet.p99Ms)
  assert.ok(busy.p99Ms < mostMs, `p99 went from ${quiet.p99Ms} to ${busy.p99Ms} ms`)
  assert.equal(await stage.complaint(), undefined)
  assert.equal(await stage.leftovers(), undefined)
}

async function attack(stage: FuzzStage, { durationMs, seed }: Siege): Promise<void> {
  // They are on the router's cores: what they use of them must not be taken for its slowness.
  setPriority(constants.priority.PRIORITY_LOW)
  const endMs = performance.now() + durationMs
  const replay = async () => {
    while (performance.now() < endMs) await replaySmuggling(stage.httpPort)
  }
  const fuzzers = TARGETS.filter(({ usesRouter }) => usesRouter).map(async (target) => {
    const { failure } = await fuzz(target, { seed, durationMs, stage, inCompany: true, print: () => {} })
    assert.equal(failure, undefined)
  })
  await Promise.all([
    ...fuzzers,
    replay(),
    flood(stage.httpPort, endMs),
    flood(stage.tcp.mux, endMs),
    ...SLOW_ATTACKS.map((argv) => slowHttpTest(stage.httpPort, argv, durationMs)),
  ])
}

async function replaySmuggling(port: number): Promise<void> {
  for (let from = 0; from < CASES.length; from += REPLAYED_AT_ONCE) {
    const sent = CASES.slice(from, from + REPLAYED_AT_ONCE).map((one) =>
      sendConnection(port, { bytes: bytesOf(one, '/fuzz/a/b'), cuts: [], ending: 'wait' }),
    )
    await Promise.all(sent)
  }
}

/** Connections that say nothing, and go. */
async function flood(port: number, endMs: number): Promise<void> {
  const closed: Promise<unknown>[] = []
  while (performance.now() < endMs) {
    closed.push(...Array.from({ length: FLOOD_AT_ONCE }, () => holdConnection(port)))
    await delay(FLOOD_EVERY_MS)
    // None is forgotten, and none of those that are long over kept.
    if (closed.length > 1000) await Promise.all(closed.splice(0, 500))
  }
  await Promise.all(closed)
}

async function holdConnection(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  const closed = new Promise((resolve) => socket.once('close', resolve))
  await delay(FLOOD_HELD_MS)
  socket.resetAndDestroy()
  await closed
}

async function slowHttpTest(port: number, argv: readonly string[], durationMs: number): Promise<void> {
  const target = argv.map((argument) => (argument.startsWith('/') ? `http://127.0.0.1:${port}${argument}` : argument))
  const pace = ['-c', String(SLOW_CONNECTIONS), '-r', '50', '-i', '2', '-l', String(Math.ceil(durationMs / 1000))]
  const child = spawn('slowhttptest', [...target, ...pace], { stdio: 'ignore' })
  // It may end earlier: when the router has closed all of its connections.
  await once(child, 'exit')
}

async function withGoodClient(stage: FuzzStage, work: () => Promise<unknown>): Promise<Report> {
  const program = join(import.meta.dirname, 'good-client.ts')
  const argv = [program, String(stage.httpPort), await natsUrl(), `${SUBJECTS}.good`]
  const child = spawn(process.execPath, argv, { stdio: ['pipe', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (chunk) => (text += chunk))
  const closed = once(child, 'close')
  try {
    await work()
  } finally {
    child.stdin.end()
    await closed
  }
  return JSON.parse(text) as Report
}
