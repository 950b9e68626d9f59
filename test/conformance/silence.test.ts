/** A backend that is killed where nothing is on its way tells nobody: a client hears of it when the router has asked. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { backendPrograms } from '../support/backend-programs.ts'
import { readAll, readBytes } from './client.ts'
import { clientProtocols } from './clients/index.ts'
import { Stage } from './stage.ts'

/** The router asks after 10 s of silence, and a tick may be a second late. */
const NOTICED_WITHIN_MS = 13_000

const program = backendPrograms.find(({ name }) => name === 'Go')!

describe('a backend that is killed while its stream is quiet', { concurrency: true, skip: program.missing() }, () => {
  for (const protocol of clientProtocols) {
    test(`is noticed by a client of ${protocol.name}`, async (t) => {
      const stage = await Stage.start(protocol, program)
      t.after(() => stage.stop())
      const stream = stage.router.open('echo')
      await stream.send(Buffer.from('before'))
      await readBytes(stream, 6)
      stage.backend.signalGroup('SIGKILL')
      const killedAtMs = performance.now()
      await readAll(stream)
      const tookMs = Math.round(performance.now() - killedAtMs)
      t.diagnostic(`after ${tookMs} ms`)
      assert.notEqual(stream.outcome().how, 'whole')
      assert.ok(tookMs < NOTICED_WITHIN_MS)
      await stage.router.assertIdle()
    })
  }
})
