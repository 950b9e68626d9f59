/** Every case, with every client protocol, against every backend. */
import { after, before, describe, test } from 'node:test'
import { type BackendProgram, backendPrograms } from '../support/backend-programs.ts'
import { bodies } from './cases/bodies.ts'
import { endings } from './cases/endings.ts'
import { losses } from './cases/losses.ts'
import { refusals } from './cases/refusals.ts'
import type { ClientProtocol } from './client.ts'
import { clientProtocols } from './clients/index.ts'
import { type Case, Stage } from './stage.ts'

/** Columns of the table at a time: much of it is waiting. */
const CONCURRENCY = 6
const CASE_TIMEOUT_MS = 30_000

describe('every client protocol with every backend', { concurrency: CONCURRENCY }, () => {
  for (const protocol of clientProtocols) {
    for (const program of backendPrograms) {
      const skip = program.missing()
      describe(`${protocol.name} with ${program.name}`, { skip, concurrency: 1 }, () => {
        let stage: Stage
        before(async () => {
          stage = await Stage.start(protocol, program)
        })
        after(() => stage?.stop())

        for (const each of [...bodies, ...endings, ...refusals, ...losses]) {
          test(each.name, { skip: missing(protocol, program, each), timeout: CASE_TIMEOUT_MS }, async (t) => {
            await each.run(stage, t)
            await stage.assertIdle()
          })
        }
      })
    }
  }
})

function missing(
  { cannot }: ClientProtocol,
  { reconnects }: BackendProgram,
  { needs = [], needsReconnect }: Case,
): string | false {
  if (needsReconnect && !reconnects) return 'this backend ends with its connection'
  return needs.map((capability) => cannot[capability]).find((reason) => reason !== undefined) ?? false
}
