/** What a client is told where no backend takes its stream, or a plain responder would not see all of it. */
import assert from 'node:assert/strict'
import { readAll } from '../client.ts'
import { PLAIN_SUBJECT, WHOLE_BYTES } from '../routes.ts'
import type { Case, Stage } from '../stage.ts'

const NOT_WAITED_MS = 1000

/** A responder that knows nothing of streams, for the time of one case; counts what it was asked. */
async function withResponder({ nats }: Stage, act: () => Promise<void>): Promise<number> {
  let requests = 0
  const subscription = nats.subscribe(PLAIN_SUBJECT, {
    callback: (_error, message) => {
      requests++
      // Our own headers go back with it, as `nats reply` does.
      message.respond(message.data, message.headers === undefined ? {} : { headers: message.headers })
    },
  })
  await nats.flush()
  try {
    await act()
  } finally {
    subscription.unsubscribe()
  }
  return requests
}

export const refusals: readonly Case[] = [
  {
    name: 'says at once that nobody listens',
    needs: ['codes'],
    async run({ router, protocol }) {
      const startedMs = performance.now()
      const stream = router.open('nobody', { sends: false })
      await readAll(stream)
      assert.deepEqual(stream.outcome(), protocol.failure('no_responders'))
      assert.ok(performance.now() - startedMs < NOT_WAITED_MS)
    },
  },
  {
    name: 'ends a stream to which nobody listens',
    async run({ router }) {
      const stream = router.open('nobody')
      await stream.send(Buffer.from('hello'))
      await readAll(stream)
      assert.notEqual(stream.outcome().how, 'whole')
    },
  },
  {
    name: 'asks a plain responder that sends our headers back',
    needs: ['requests'],
    async run(stage) {
      const requests = await withResponder(stage, async () => {
        const stream = stage.router.open('whole')
        await stream.send(Buffer.from('hello'))
        stream.end()
        assert.equal((await readAll(stream)).toString(), 'hello')
        assert.deepEqual(stream.outcome(), { how: 'whole' })
      })
      assert.equal(requests, 1)
    },
  },
  ...[WHOLE_BYTES + 1, undefined].map(
    (length): Case => ({
      name: `refuses a whole body that is too large before anything is published, ${length === undefined ? 'its length unknown' : 'its length known'}`,
      needs: ['requests'],
      async run(stage) {
        const requests = await withResponder(stage, async () => {
          const stream = stage.router.open('whole', length === undefined ? {} : { length })
          await stream.send(Buffer.alloc(WHOLE_BYTES + 1))
          await readAll(stream)
          assert.deepEqual(stream.outcome(), stage.protocol.failure('too_large'))
        })
        assert.equal(requests, 0)
      },
    }),
  ),
]
