import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { constants, setPriority } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { bytesOf } from '../adapters/http/smuggling/case.ts'
import { SMUGGLING_TABLE } from '../adapters/http/smuggling/table.ts'
import { sendConnection } from '../fuzz/connection.ts'
import { fuzz } from '../fuzz/fuzz.ts'
import { CROWD, type FuzzStage } from '../fuzz/stage.ts'
import { TARGETS } from '../fuzz/targets/index.ts'

/** Of each way of slowhttptest. */
const SLOW_CONNECTIONS = 150
/** That it goes on: the router cuts after a minute and some seconds, of which it does not always hear. */
const SLOW_S = 80
/** From an address of its own, where the limit for each address, 1,000 by default, hits nobody else. */
const FLOOD = [
  { port: 'mux', connections: 1100, address: '127.0.0.3' },
  { port: 'http', connections: 200, address: '127.0.0.3' },
  { port: 'crowded', connections: CROWD + 50, address: '127.0.0.4' },
] as const
const FLOOD_RISES_MS = 4000
const FLOOD_AGAIN_MS = 500
const REPLAYED_AT_ONCE = 20

const CASES = Object.values(SMUGGLING_TABLE).flat()

/**
 * slowhttptest's ways to hold connections: unfinished heads, unfinished bodies, and answers of which little is read, or as
 * good as nothing.
 */
const SLOW_ATTACKS: readonly (readonly string[])[] = [
  ['-H', '-u', '/well'],
  ['-B', '-u', '/well', '-s', '8192'],
  ['-X', '-u', '/large', '-w', '512', '-y', '1024', '-n', '5', '-z', '32', '-k', '1'],
  ['-X', '-u', '/large', '-w', '512', '-y', '1024', '-n', '100', '-z', '1', '-k', '1'],
]

/**
 * All attacks at once, each for the whole time. From here on this process, and all that it starts, is last to get the
 * machine's cores: attackers of the real world have cores of their own, and what they use of the router's must not be
 * taken for its slowness.
 */
export async function attack(stage: FuzzStage, durationMs: number, seed: number): Promise<void> {
  setPriority(constants.priority.PRIORITY_LOW)
  const endMs = performance.now() + durationMs
  const ports = { http: stage.httpPort, ...stage.tcp }
  const fuzzers = TARGETS.filter(({ usesRouter }) => usesRouter).map(async (target) => {
    const { failure } = await fuzz(target, { seed, durationMs, stage, inCompany: true, print: () => {} })
    assert.equal(failure, undefined)
  })
  await Promise.all([
    ...fuzzers,
    fuzzParsers(endMs, seed),
    replaySmuggling(stage.httpPort, endMs),
    ...FLOOD.map(({ port, ...from }) => flood({ port: ports[port], ...from }, endMs)),
    ...SLOW_ATTACKS.map((argv) => slowHttpTest(stage.httpPort, argv, endMs)),
  ])
}

/** The targets that need no router, one after the other in a process of their own: they would hold up the others here. */
async function fuzzParsers(endMs: number, seed: number): Promise<void> {
  const names = TARGETS.filter(({ usesRouter }) => !usesRouter).map(({ name }) => name)
  const leftMs = endMs - performance.now()
  const minutes = leftMs / 60_000 / names.length
  const program = join(import.meta.dirname, '../fuzz/main.ts')
  const argv = [program, '--only', names.join(), '--minutes', String(minutes), '--seed', String(seed)]
  const child = spawn(process.execPath, ['--no-warnings', ...argv], { stdio: ['ignore', 'ignore', 'pipe'] })
  let complaint = ''
  child.stderr.on('data', (chunk) => (complaint += chunk))
  // It may take its time to start, as the last to get a core, and would go on for as much longer.
  const timer = setTimeout(() => child.kill(), leftMs)
  const [code, signal] = await once(child, 'close')
  clearTimeout(timer)
  assert.ok(code === 0 || signal === 'SIGTERM', complaint)
}

async function replaySmuggling(port: number, endMs: number): Promise<void> {
  for (let from = 0; performance.now() < endMs; from = (from + REPLAYED_AT_ONCE) % CASES.length) {
    const sent = CASES.slice(from, from + REPLAYED_AT_ONCE).map((one) =>
      sendConnection(port, { bytes: bytesOf(one, '/fuzz/a/b'), cuts: [], ending: 'wait' }),
    )
    await Promise.all(sent)
  }
}

interface Flood {
  readonly port: number
  readonly connections: number
  /** Of the loopback network, that they come from. */
  readonly address: string
}

/** Connections that say nothing; for each that the router closes or refuses there is soon another one. */
async function flood(from: Flood, endMs: number): Promise<void> {
  const hold = async (_: unknown, index: number) => {
    await delay((FLOOD_RISES_MS * index) / from.connections)
    while (performance.now() < endMs) {
      await holdConnection(from, endMs)
      await delay(FLOOD_AGAIN_MS)
    }
  }
  await Promise.all(Array.from({ length: from.connections }, hold))
}

async function holdConnection({ port, address }: Flood, endMs: number): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: address }).on('error', () => {})
  const closed = new Promise((resolve) => socket.resume().once('close', resolve))
  const timer = setTimeout(() => socket.resetAndDestroy(), Math.max(0, endMs - performance.now()))
  await closed
  clearTimeout(timer)
}

/** It opens each of its connections once, and ends at the latest when the router has closed them all: then there is another one. */
async function slowHttpTest(port: number, argv: readonly string[], endMs: number): Promise<void> {
  const target = argv.map((argument) => (argument.startsWith('/') ? `http://127.0.0.1:${port}${argument}` : argument))
  for (let leftMs = endMs - performance.now(); leftMs > 0; leftMs = endMs - performance.now()) {
    const pace = [
      '-c',
      String(SLOW_CONNECTIONS),
      '-r',
      '50',
      '-i',
      '2',
      '-l',
      String(Math.min(SLOW_S, Math.ceil(leftMs / 1000))),
    ]
    const child = spawn('slowhttptest', [...target, ...pace], { stdio: 'ignore' })
    const [code] = await once(child, 'exit')
    assert.equal(code, 0, `slowhttptest ${argv[0]} ended with ${code}`)
  }
}
