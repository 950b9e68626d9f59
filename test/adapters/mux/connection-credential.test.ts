import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ConnectionCredential } from '../../../src/adapters/mux/connection-credential.ts'
import type { MuxOutput } from '../../../src/adapters/mux/mux-output.ts'
import type { OpenRequest } from '../../../src/adapters/mux/open-request.ts'
import { DeadlineWheel } from '../../../src/exchange/deadline-wheel.ts'
import { Identity } from '../../../src/exchange/identity.ts'
import { testRequest } from '../../support/test-request.ts'

const GRACE_MS = 10_000
const FIELDS = ['authorization', 'Bearer x']
const NO_OUTPUT = { write() {} } as unknown as MuxOutput

function start() {
  let nowMs = 0
  const now = () => nowMs
  const wheel = new DeadlineWheel({ now })
  let endedMs: number | undefined
  const credential = new ConnectionCredential(FIELDS, NO_OUTPUT, {
    onRevoked() {
      endedMs = nowMs
    },
  })
  const parts = { wheel, now, graceMs: GRACE_MS }
  const facts = { subjectId: 'alice', claims: {}, provedBy: 'jwt' }
  const passTo = (ms: number) => {
    for (; nowMs < ms; nowMs += 10) wheel.advance()
  }
  return {
    wheel,
    credential,
    passTo,
    identity: (expiresAtMs: number) => new Identity({ ...facts, expiresAtMs }, parts),
    close(identity: Identity, atMs: number) {
      passTo(atMs)
      credential.onExchangeClosed({ ...testRequest(), identity, credential: credential.fields } as OpenRequest)
    },
    endedMs(untilMs = 300_000) {
      passTo(untilMs)
      wheel.stop()
      return endedMs
    },
  }
}

function assertAbout(actualMs: number | undefined, expectedMs: number) {
  assert.ok(actualMs !== undefined && Math.abs(actualMs - expectedMs) < 300, `${actualMs}, and not ${expectedMs}`)
}

describe('a connection whose last exchange has closed', () => {
  test('ends with the grace of who it was for', () => {
    const stage = start()
    stage.close(stage.identity(60_000), 50_000)
    assertAbout(stage.endedMs(), 70_000)
  })

  test('does so where that was within the grace', () => {
    const stage = start()
    stage.close(stage.identity(60_000), 63_000)
    assertAbout(stage.endedMs(), 70_000)
  })

  test('lasts as long as what it has proved for the longest time, in whatever order that has closed', () => {
    for (const isOlderLast of [true, false]) {
      const stage = start()
      const [older, newer] = [stage.identity(60_000), stage.identity(150_000)]
      for (const [index, identity] of (isOlderLast ? [newer, older] : [older, newer]).entries()) {
        stage.close(identity, 50_000 + 1000 * index)
      }
      assertAbout(stage.endedMs(), 160_000)
    }
  })

  test('is bound to nobody any more once it is closed', () => {
    const stage = start()
    stage.close(stage.identity(60_000), 50_000)
    stage.credential.close()
    assert.equal(stage.wheel.size, 0)
    assert.equal(stage.endedMs(), undefined)
  })
})
