import type { FuzzStage } from './stage.ts'
import type { FuzzTarget } from './target.ts'

/** After so many cases a router has to show that it is well. */
const CASES_A_BATCH = 200
const PROGRESS_EVERY_MS = 10_000

export interface FuzzOptions {
  readonly seed: number
  readonly durationMs: number
  /** Of an earlier failure, with its seed: runs that case and no other. */
  readonly path?: string | undefined
  readonly stage: FuzzStage | undefined
  /** Others use the router too: what is left in the end may be theirs. Default: nobody does. */
  readonly inCompany?: boolean
  readonly print: (line: string) => void
}

export interface FuzzResult {
  readonly cases: number
  /** What went wrong, and how to see it again; undefined: nothing. */
  readonly failure: string | undefined
}

/** Runs one target for a while. */
export async function fuzz(target: FuzzTarget, options: FuzzOptions): Promise<FuzzResult> {
  const { durationMs, path, print } = options
  const stage = target.usesRouter ? options.stage : undefined
  const endMs = performance.now() + durationMs
  let progressMs = performance.now() + PROGRESS_EVERY_MS
  let cases = 0
  let seed = options.seed
  const failed = (why: string, at: string | undefined): FuzzResult => {
    const again = `npm run fuzz -- --only ${target.name} --seed ${seed}${at === undefined ? '' : ` --path ${at}`}`
    return { cases, failure: `${target.name}: ${why}\nOnce more: ${again}` }
  }
  do {
    const timeLimitMs = Math.max(1, endMs - performance.now())
    const { failure, ...batch } = await target.runBatch({ seed, path, stage, timeLimitMs, maxCases: CASES_A_BATCH })
    cases += batch.cases
    if (failure !== undefined) return failed(failure.message, failure.path)
    const unwell = await stage?.complaint()
    if (unwell !== undefined) return failed(unwell, undefined)
    if (performance.now() > progressMs) {
      print(`${target.name}: ${cases} cases`)
      progressMs += PROGRESS_EVERY_MS
    }
    seed++
  } while (path === undefined && performance.now() < endMs)
  const left = options.inCompany ? undefined : await stage?.leftovers()
  return left === undefined ? { cases, failure: undefined } : failed(left, undefined)
}
