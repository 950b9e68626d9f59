/** Bodies of any size, both ways, at the pace of the slower end. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { type ClientStream, readAll, readBytes } from '../client.ts'
import { DOWNLOAD_BYTES, wholeDownload } from '../numbers.ts'
import { PREFIX } from '../routes.ts'
import type { Case } from '../stage.ts'
import { Tap } from '../tap.ts'

const MIB = 1024 * 1024
const BODY_BYTES = 4 * MIB
/** More than the sockets on the way take unread. */
const LARGE_BYTES = DOWNLOAD_BYTES

async function sendAll(stream: ClientStream, body: Uint8Array): Promise<void> {
  const chunkBytes = 50_000
  for (let at = 0; at < body.length; at += chunkBytes) await stream.send(body.subarray(at, at + chunkBytes))
  stream.end()
}

function receipt(body: Uint8Array): string {
  return `${body.length} ${createHash('sha256').update(body).digest('hex')}\n`
}

async function assertWhole(stream: ClientStream, expected: Uint8Array): Promise<void> {
  const body = await readAll(stream)
  assert.deepEqual(stream.outcome(), { how: 'whole' })
  assert.equal(body.length, expected.length)
  assert.ok(body.equals(expected), 'other bytes came')
}

export const bodies: readonly Case[] = [
  {
    name: 'echoes what a client sends, and then its end',
    needs: ['half-close'],
    async run({ router }) {
      const stream = router.open('echo')
      await sendAll(stream, Buffer.from('hello'))
      await assertWhole(stream, Buffer.from('hello'))
    },
  },
  {
    name: 'takes turns: each part of a body is answered before the next is sent',
    async run({ router }) {
      const stream = router.open('echo')
      for (let n = 0; n < 50; n++) {
        const chunk = Buffer.from(`part ${n} of the talk\n`)
        await stream.send(chunk)
        assert.equal((await readBytes(stream, chunk.length)).toString(), chunk.toString())
      }
      stream.abort()
    },
  },
  {
    name: 'echoes a body of some MiB while it is still being sent',
    needs: ['half-close'],
    async run({ router }) {
      const body = randomBytes(BODY_BYTES)
      const stream = router.open('echo')
      await Promise.all([sendAll(stream, body), assertWhole(stream, body)])
    },
  },
  {
    name: 'uploads some MiB',
    needs: ['half-close'],
    async run({ router }) {
      const body = randomBytes(BODY_BYTES)
      const stream = router.open('upload')
      await Promise.all([sendAll(stream, body), assertWhole(stream, Buffer.from(receipt(body)))])
    },
  },
  {
    name: 'uploads nothing',
    needs: ['half-close'],
    async run({ router }) {
      const stream = router.open('upload')
      stream.end()
      await assertWhole(stream, Buffer.from(receipt(Buffer.alloc(0))))
    },
  },
  {
    name: 'downloads some MiB',
    async run({ router }) {
      await assertWhole(router.open('download', { sends: false }), wholeDownload())
    },
  },
  {
    name: 'holds a backend to the pace of a client that does not read, and then all of it comes',
    async run({ router, nats }, t) {
      const tap = await Tap.on(t, nats, `${PREFIX}.download`)
      const stream = router.open('download', { sends: false })
      const first = await stream.read()
      // A sender that has waited for credit for a second asks.
      await tap.until(() => tap.toRouter.frames.includes('ping'))
      const { payloadBytes } = tap.toRouter
      t.diagnostic(`${(payloadBytes / MIB).toFixed(1)} of ${LARGE_BYTES / MIB} MiB came before the backend stalled`)
      assert.ok(payloadBytes < LARGE_BYTES, 'nothing held the backend')
      const rest = await readAll(stream)
      assert.deepEqual(stream.outcome(), { how: 'whole' })
      assert.ok(Buffer.concat([first!, rest]).equals(wholeDownload()))
      assert.deepEqual(tap.violations, [])
    },
  },
  {
    name: 'holds a client to the pace of a backend that does not read, and then all of it comes',
    needs: ['half-close', 'paced-sends'],
    async run({ router, nats }, t) {
      const tap = await Tap.on(t, nats, `${PREFIX}.slow`)
      const body = randomBytes(LARGE_BYTES)
      const stream = router.open('slow')
      let sent = false
      const sending = sendAll(stream, body).then(() => {
        sent = true
      })
      await tap.until(() => tap.toBackend.frames.includes('ping'))
      t.diagnostic(`${(tap.toBackend.payloadBytes / MIB).toFixed(1)} of ${LARGE_BYTES / MIB} MiB went out before that`)
      assert.equal(sent, false, 'nothing held the client')
      await sending
      await assertWhole(stream, Buffer.from(receipt(body)))
      assert.deepEqual(tap.violations, [])
    },
  },
]
