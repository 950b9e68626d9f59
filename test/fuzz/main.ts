/**
 * Behind `npm run fuzz`: every target for a while, against a router of its own, until one of them finds something.
 *
 *   npm run fuzz                                         a minute for each target
 *   npm run fuzz -- --minutes 10 --only http,ws          ten for each of these
 *   npm run fuzz -- --only http --seed 123 --path 5:0    a failure once more
 */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { startNats } from '../support/nats.ts'
import { startPostgres } from '../support/postgres.ts'
import { fuzz } from './fuzz.ts'
import { Scope } from './scope.ts'
import { type FuzzStage, startFuzzStage } from './stage.ts'
import type { FuzzTarget } from './target.ts'
import { TARGETS } from './targets/index.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    only: { type: 'string' },
    seed: { type: 'string' },
    path: { type: 'string' },
  },
})

const names = values.only?.split(',') ?? TARGETS.map(({ name }) => name)
const targets = TARGETS.filter(({ name }) => names.includes(name))
const durationMs = Number(values.minutes) * 60_000
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
const unknown = names.filter((name) => !TARGETS.some((target) => target.name === name))
if (unknown.length > 0) badUsage(`unknown target ${unknown.join(', ')}`)
if (!(durationMs > 0)) badUsage(`--minutes ${values.minutes} is no duration`)
if (!Number.isInteger(seed)) badUsage(`--seed ${values.seed} is no whole number`)

const scope = new Scope()
const interrupt = () => void scope.end().then(() => process.exit(130))
process.once('SIGINT', interrupt)
try {
  process.exitCode = (await runAll()) ? 0 : 1
} finally {
  process.off('SIGINT', interrupt)
  await scope.end()
}

async function runAll(): Promise<boolean> {
  const stage = targets.some(({ usesRouter }) => usesRouter) ? await startServers() : undefined
  console.log(`seed ${seed}`)
  for (const target of targets) {
    const beganWithMiB = await memoryMiB(target, stage)
    const { cases, failure } = await fuzz(target, { seed, durationMs, path: values.path, stage, print: console.log })
    if (failure !== undefined) {
      console.error(failure)
      return false
    }
    const nowMiB = await memoryMiB(target, stage)
    const memory = nowMiB === undefined ? '' : `, memory ${beganWithMiB} to ${nowMiB} MiB`
    console.log(`${target.name}: ${cases} cases, nothing found${memory}`)
  }
  return true
}

async function memoryMiB(target: FuzzTarget, stage: FuzzStage | undefined): Promise<number | undefined> {
  return target.usesRouter && stage ? Math.round((await stage.memory()).heldBytes / 1024 ** 2) : undefined
}

async function startServers() {
  const [nats, postgres] = await Promise.all([startNats(), startPostgres()])
  scope.after(() => Promise.all([nats.stop(), postgres.close()]))
  process.env.TEST_NATS_URL = nats.url
  process.env.TEST_DATABASE_URL = postgres.url
  return startFuzzStage(scope)
}

function badUsage(problem: string): never {
  console.error(`${problem}; targets are ${TARGETS.map(({ name }) => name).join(', ')}`)
  process.exit(2)
}
