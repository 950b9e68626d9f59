/** Parts that go away without a word. */
import assert from 'node:assert/strict'
import { eventually } from '../../support/eventually.ts'
import { type ClientStream, readAll, readBytes } from '../client.ts'
import { wholeDownload } from '../numbers.ts'
import type { Case, Stage } from '../stage.ts'

const STREAMS = 2

/** A response is whole, or ends in an error. */
async function assertNeverShort(stream: ClientStream, first: Uint8Array): Promise<string> {
  const body = Buffer.concat([first, await readAll(stream)])
  const { how } = stream.outcome()
  if (how === 'whole') assert.ok(body.equals(wholeDownload()), `${body.length} bytes passed for whole`)
  else assert.ok(body.equals(wholeDownload().subarray(0, body.length)), 'other bytes came')
  return how
}

async function servesAgain({ router }: Stage): Promise<void> {
  await eventually(
    'it serves again',
    async () => {
      const stream = router.open('echo')
      await stream.send(Buffer.from('again'))
      const echo = await readBytes(stream, 5)
      stream.abort()
      return echo.toString() === 'again'
    },
    { timeoutMs: 10_000 },
  )
}

export const losses: readonly Case[] = [
  {
    name: 'cuts a stream when the backend that takes it is killed',
    async run(stage, t) {
      const stream = stage.router.open('echo')
      for (const part of ['in the OPEN', 'in the first frame']) {
        await stream.send(Buffer.from(part))
        await readBytes(stream, part.length)
      }
      stage.backend.signalGroup('SIGKILL')
      await stage.backend.exited
      const killedAtMs = performance.now()
      let over = false
      const reading = readAll(stream).then(() => {
        over = true
      })
      // Of data frames one of sixteen asks whether anybody is there, and so does a sender that waits for credit.
      while (!over) await Promise.race([stream.send(Buffer.alloc(1024)).then(() => new Promise(setImmediate)), reading])
      t.diagnostic(`after ${Math.round(performance.now() - killedAtMs)} ms`)
      assert.notEqual(stream.outcome().how, 'whole')
      await stage.router.assertIdle()
      await stage.restartBackend()
    },
  },
  {
    name: 'never shortens a stream when the nats-server is killed and comes back, and serves again',
    async run(stage, t) {
      const streams = Array.from({ length: STREAMS }, () => stage.router.open('download', { sends: false }))
      const firsts = await Promise.all(streams.map((stream) => stream.read()))
      await stage.restartNats()
      const outcomes = await Promise.all(streams.map((stream, i) => assertNeverShort(stream, firsts[i]!)))
      t.diagnostic(`outcomes: ${outcomes.join(', ')}`)
      if (!stage.program.reconnects) await stage.restartBackend()
      await servesAgain(stage)
    },
  },
  {
    name: 'goes on with a quiet stream when NATS was away',
    needsReconnect: true,
    async run(stage) {
      const stream = stage.router.open('echo')
      await stream.send(Buffer.from('before'))
      await readBytes(stream, 6)
      await stage.restartNats()
      await stream.send(Buffer.from('after'))
      assert.equal((await readBytes(stream, 5)).toString(), 'after')
      stream.abort()
      await servesAgain(stage)
    },
  },
]
