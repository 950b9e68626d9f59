/** The table of what a stream promises: every case, whatever its client and its backend speak. */
import { after, before, describe, test } from 'node:test'
import type { BackendProgram } from '../support/backend-programs.ts'
import { bodies } from './cases/bodies.ts'
import { endings } from './cases/endings.ts'
import { losses } from './cases/losses.ts'
import { refusals } from './cases/refusals.ts'
import type { ClientProtocol } from './client.ts'
import { type Case, Stage } from './stage.ts'

/** Who speaks with whom. */
export interface Column {
  readonly protocol: ClientProtocol
  readonly program: BackendProgram
}

const CASE_TIMEOUT_MS = 30_000
const cases: readonly Case[] = [...bodies, ...endings, ...refusals, ...losses]

/** Runs every case in each of these columns, side by side: much of them is waiting. */
export function runTable(columns: readonly Column[], concurrency: number): void {
  describe('every client protocol and every backend', { concurrency }, () => {
    for (const column of columns) runColumn(column)
  })
}

function runColumn({ protocol, program }: Column): void {
  describe(`${protocol.name} with ${program.name}`, { skip: program.missing(), concurrency: 1 }, () => {
    let stage: Stage
    before(async () => {
      stage = await Stage.start(protocol, program)
    })
    after(() => stage?.stop())

    for (const each of cases) {
      test(each.name, { skip: missing(protocol, program, each), timeout: CASE_TIMEOUT_MS }, async (t) => {
        await each.run(stage, t)
        await stage.assertIdle()
      })
    }
  })
}

function missing(
  { cannot }: ClientProtocol,
  { reconnects }: BackendProgram,
  { needs = [], needsReconnect }: Case,
): string | false {
  if (needsReconnect && !reconnects) return 'this backend ends with its connection'
  return needs.map((capability) => cannot[capability]).find((reason) => reason !== undefined) ?? false
}
