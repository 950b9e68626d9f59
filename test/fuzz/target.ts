import fc from 'fast-check'
import type { FuzzStage } from './stage.ts'

/** What is fuzzed: cases, and what runs one and throws if it finds something wrong. */
export interface FuzzTarget {
  readonly name: string
  /** It needs a router in a process of its own. */
  readonly usesRouter: boolean
  /** Runs cases until it is time or one fails. The same seed gives the same cases. */
  runBatch(batch: FuzzBatch): Promise<BatchResult>
}

export interface FuzzBatch {
  readonly seed: number
  readonly maxCases: number
  readonly timeLimitMs: number
  /** Of a failure, as fast-check tells it: only that case. */
  readonly path: string | undefined
  readonly stage: FuzzStage | undefined
}

export interface BatchResult {
  readonly cases: number
  readonly failure: { readonly path: string; readonly message: string } | undefined
}

/** Of code in this process: cases are shrunk to the smallest that fails. */
export function pureTarget<T>(name: string, cases: fc.Arbitrary<T>, run: (value: T) => void): FuzzTarget {
  return {
    name,
    usesRouter: false,
    runBatch: (batch) => check(fc.property(cases, run), batch, { endOnFailure: false }),
  }
}

/** Of a router: a case that fails is kept as it is, for a smaller one would meet another router than it did. */
export function routerTarget<T>(
  name: string,
  cases: fc.Arbitrary<T>,
  run: (value: T, stage: FuzzStage) => Promise<void>,
): FuzzTarget {
  return {
    name,
    usesRouter: true,
    runBatch: (batch) =>
      check(
        fc.asyncProperty(cases, (value) => run(value, batch.stage!)),
        batch,
        { endOnFailure: true },
      ),
  }
}

async function check(
  property: fc.IRawProperty<unknown>,
  { seed, path, maxCases, timeLimitMs }: FuzzBatch,
  options: { readonly endOnFailure: boolean },
): Promise<BatchResult> {
  const result = await fc.check(property, {
    ...options,
    includeErrorInReport: true,
    seed,
    numRuns: maxCases,
    interruptAfterTimeLimit: timeLimitMs,
    ...(path !== undefined && { path }),
  })
  const message = result.counterexamplePath === null ? undefined : await fc.asyncDefaultReportMessage(result)
  return {
    cases: result.numRuns,
    failure: message === undefined ? undefined : { path: result.counterexamplePath!, message },
  }
}
