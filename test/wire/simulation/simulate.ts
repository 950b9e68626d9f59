import assert from 'node:assert/strict'
import { End } from './end.ts'
import { createHabits } from './habits.ts'
import { Connection, type Faults } from './network.ts'
import { Process } from './process.ts'
import { Random } from './random.ts'
import { VirtualClock } from './virtual-clock.ts'

export interface Scenario {
  readonly faults: Faults
  /** Applications may reset, or end early. */
  readonly givesUp: boolean
}

/** How many exchanges came to which end. */
export interface Tally {
  exchanges: number
  /** Both ends said and heard all. */
  whole: number
  /** Of those, how many have lost NATS on the way. */
  survived: number
  /** By the code that an end heard. */
  readonly resets: Map<string, number>
}

const EXCHANGES = 8
const PROCESSES = 2
/** An application says all it has in less, and a dead peer is found out in half a minute. */
const LIMIT_MS = 10 * 60_000
const STARTS_WITHIN_MS = 1000
/** When something may happen to a process. */
const FAULTS_WITHIN_MS = 3000
/** Who returns within this time, and the time for interest to spread, goes on. */
const MAX_RETURN_MS = 9500

/** Runs seeds until there are `exchanges`; a failure names its seed. */
export function simulateMany(scenario: Scenario, firstSeed: number, exchanges: number): Tally {
  const tally: Tally = { exchanges: 0, whole: 0, survived: 0, resets: new Map() }
  for (let seed = firstSeed; tally.exchanges < exchanges; seed++) {
    try {
      simulate(scenario, seed, tally)
    } catch (cause) {
      throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : cause}`, { cause })
    }
  }
  return tally
}

/** Some exchanges at once between two routers and two backends, until all of them are over. */
function simulate({ faults, givesUp }: Scenario, seed: number, tally: Tally): void {
  const random = new Random(seed)
  const clock = new VirtualClock()
  const routers = createProcesses(clock, random, faults)
  const backends = createProcesses(clock, random, faults)
  const connections = new Map<string, Connection>()
  const connect = (name: string) => {
    const connection = connections.get(name) ?? new Connection(clock, random, faults)
    connections.set(name, connection)
    return connection
  }
  const ends: [End, End][] = []
  for (let i = 0; i < EXCHANGES; i++) {
    const [r, b] = [random.below(PROCESSES), random.below(PROCESSES)]
    const pair = createEnds(clock, random, [routers[r]!, backends[b]!], givesUp)
    const [router, backend] = pair
    ends.push(pair)
    clock.after(random.below(STARTS_WITHIN_MS), () => {
      router.start(backend, connect(`${r}>${b}`))
      backend.start(router, connect(`${b}<${r}`))
    })
  }
  if (faults.serverDeath) {
    // An exchange that begins without NATS is none.
    clock.after(STARTS_WITHIN_MS + random.below(FAULTS_WITHIN_MS), () => {
      const maxReturnMs = random.pick([200, MAX_RETURN_MS])
      for (const connection of connections.values()) connection.loseServer()
      for (const process of [...routers, ...backends]) process.loseConnectionFor(clock, random.below(maxReturnMs))
    })
  }
  assert.ok(clock.run(clock.nowMs + LIMIT_MS), 'something still goes on after the time that all of it may take')
  for (const pair of ends) record(tally, pair, faults)
}

function createProcesses(clock: VirtualClock, random: Random, { death, outage }: Faults): Process[] {
  return Array.from({ length: PROCESSES }, () => {
    const process = new Process()
    if (random.chance(death)) clock.after(random.below(FAULTS_WITHIN_MS), () => process.kill())
    if (random.chance(outage)) {
      clock.after(random.below(FAULTS_WITHIN_MS), () => process.loseConnection(clock, random))
    }
    return process
  })
}

function createEnds(
  clock: VirtualClock,
  random: Random,
  [routerProcess, backendProcess]: readonly [Process, Process],
  givesUp: boolean,
): [End, End] {
  const [router, backend] = [createLimits(random), createLimits(random)]
  const shared = { clock, random, routerSpeaks: random.chance(0.7) }
  const routerHabits = createHabits(random, backend.takesBytes, backend.windowBytes, givesUp)
  return [
    new End({
      ...shared,
      ...router,
      role: 'router',
      process: routerProcess,
      peer: backend,
      // Only one of the two may wait for the other.
      habits: { ...routerHabits, listensFirst: false },
    }),
    new End({
      ...shared,
      ...backend,
      role: 'backend',
      process: backendProcess,
      peer: router,
      habits: createHabits(random, router.takesBytes, router.windowBytes, givesUp),
    }),
  ]
}

function createLimits(random: Random): { windowBytes: number; takesBytes: number } {
  return {
    windowBytes: random.pick([1024, 4096, 64 * 1024, 64 * 1024, 256 * 1024]),
    takesBytes: random.pick([4096, 10_000, 64 * 1024, 1024 * 1024]),
  }
}

function record(tally: Tally, pair: readonly [End, End], { serverDeath }: Faults): void {
  for (const end of pair) {
    end.assertOver()
    const { resetCode } = end
    if (resetCode !== undefined) tally.resets.set(resetCode, (tally.resets.get(resetCode) ?? 0) + 1)
  }
  tally.exchanges++
  const isWhole = pair.every((end) => end.whole)
  if (isWhole) tally.whole++
  if (isWhole && pair.every((end) => end.wasInterrupted)) tally.survived++
  if (serverDeath) {
    const isHarmed = pair.some((end) => end.hasLostFrame)
    assert.equal(isWhole, !isHarmed, isHarmed ? 'whole in spite of a loss' : 'reset without a loss')
  }
}
