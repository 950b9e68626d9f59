/** Streams that end before their end: every part hears of it, and no client takes one for whole. */
import assert from 'node:assert/strict'
import { eventually } from '../../support/eventually.ts'
import { readAll, readBytes } from '../client.ts'
import { PREFIX, SMALL_BYTES } from '../routes.ts'
import type { Case } from '../stage.ts'
import { Tap } from '../tap.ts'

const CHUNK = Buffer.alloc(32 * 1024, 'x')

export const endings: readonly Case[] = [
  {
    name: 'stops the backend when a client leaves in the middle of a download',
    async run(stage) {
      const stream = stage.router.open('download', { sends: false })
      assert.notEqual(await stream.read(), undefined)
      assert.equal(await stage.openStreams(), 1)
      stream.abort()
      await stage.assertIdle()
    },
  },
  {
    name: 'resets the backend when a client leaves in the middle of an upload: it is no end',
    async run(stage, t) {
      const tap = await Tap.on(t, stage.nats, `${PREFIX}.upload`)
      const stream = stage.router.open('upload')
      await stream.send(CHUNK)
      await eventually('the backend has it', async () => (await stage.openStreams()) === 1)
      await stream.send(CHUNK)
      stream.abort()
      await tap.until(() => tap.toBackend.frames.includes('reset'))
      assert.equal(tap.toBackend.frames.includes('end'), false)
      assert.deepEqual(tap.violations, [])
    },
  },
  {
    name: 'resets the backend when the connection of a client breaks in the middle of an upload',
    async run(stage, t) {
      const tap = await Tap.on(t, stage.nats, `${PREFIX}.upload`)
      const stream = stage.router.open('upload')
      await stream.send(CHUNK)
      await tap.until(() => tap.toRouter.frames.includes('accept'))
      await stream.send(CHUNK)
      stream.break()
      await tap.until(() => tap.toBackend.frames.includes('reset'))
      assert.equal(tap.toBackend.frames.includes('end'), false)
      await stage.assertIdle()
    },
  },
  {
    name: 'stops the backend when a client leaves that it waits for',
    async run(stage) {
      const stream = stage.router.open('slow')
      await stream.send(CHUNK)
      await eventually('the backend has it', async () => (await stage.openStreams()) === 1)
      stream.abort()
      await stage.assertIdle()
    },
  },
  {
    name: 'cuts the response of a backend that fails in the middle',
    async run({ router }) {
      const stream = router.open('fail')
      await stream.send(CHUNK)
      const body = await readAll(stream)
      assert.ok(body.length <= 64 * 1024, `${body.length} bytes`)
      assert.notEqual(stream.outcome().how, 'whole')
    },
  },
  {
    name: 'says that the backend has failed where that is before its response',
    needs: ['query', 'codes'],
    async run({ router, protocol }) {
      const stream = router.open('fail', { query: 'bytes=0', sends: false })
      await readAll(stream)
      assert.deepEqual(stream.outcome(), protocol.failure('backend_error'))
    },
  },
  {
    name: 'stops a client that sends more than its route takes, and resets the backend',
    needs: ['requests'],
    async run({ router, protocol, nats }, t) {
      const tap = await Tap.on(t, nats, `${PREFIX}.upload`)
      const stream = router.open('small')
      await stream.send(CHUNK)
      await tap.until(() => tap.toRouter.frames.includes('accept'))
      for (let sent = CHUNK.length; sent <= SMALL_BYTES; sent += CHUNK.length) await stream.send(CHUNK)
      await readAll(stream)
      assert.deepEqual(stream.outcome(), protocol.failure('too_large'))
      await tap.until(() => tap.toBackend.frames.includes('reset'))
      assert.equal(tap.toBackend.frames.includes('end'), false)
    },
  },
  {
    name: 'refuses a message that is larger than its route takes, and the backend gets none of it',
    needs: ['messages'],
    async run({ router, protocol, nats }, t) {
      const tap = await Tap.on(t, nats, `${PREFIX}.upload`)
      const stream = router.open('small')
      await stream.send(Buffer.alloc(SMALL_BYTES + 1))
      await readAll(stream)
      assert.deepEqual(stream.outcome(), protocol.failure('too_large'))
      await tap.until(() => tap.toBackend.frames.includes('reset'))
      assert.equal(tap.toBackend.payloadBytes, 0)
      assert.equal(tap.toBackend.frames.includes('end'), false)
    },
  },
  {
    name: 'finishes what is under way when the backend drains, and sends it nothing new',
    async run(stage) {
      const { router, protocol, backend } = stage
      const stream = router.open('echo')
      await stream.send(Buffer.from('before'))
      assert.equal((await readBytes(stream, 6)).toString(), 'before')
      backend.signal('SIGTERM')
      await eventually('it takes nothing new', async () => {
        const next = router.open('download', { sends: false })
        await next.read()
        next.abort()
        return next.outcome().how === protocol.failure('no_responders').how
      })
      await stream.send(Buffer.from('after'))
      assert.equal((await readBytes(stream, 5)).toString(), 'after')
      if (protocol.cannot['half-close'] === undefined) {
        stream.end()
        await readAll(stream)
        assert.deepEqual(stream.outcome(), { how: 'whole' })
      } else stream.abort()
      const exit = await backend.exited
      assert.equal(exit.code, 0, backend.describe(exit))
      await stage.restartBackend()
    },
  },
  {
    name: 'finishes what is under way when the router drains',
    needs: ['half-close'],
    async run(stage) {
      const { router } = stage
      const stream = router.open('echo')
      await stream.send(Buffer.from('before'))
      await readBytes(stream, 6)
      const drained = router.drain(10_000)
      await stream.send(Buffer.from('after'))
      assert.equal((await readBytes(stream, 5)).toString(), 'after')
      stream.end()
      await readAll(stream)
      assert.deepEqual(stream.outcome(), { how: 'whole' })
      await drained
      await stage.restartRouter()
    },
  },
  {
    name: 'cuts what is under way when the time of a router that drains is over',
    async run(stage) {
      const stream = stage.router.open('echo')
      await stream.send(Buffer.from('before'))
      await readBytes(stream, 6)
      await stage.router.drain(100)
      await readAll(stream)
      assert.notEqual(stream.outcome().how, 'whole')
      await stage.restartRouter()
    },
  },
]
