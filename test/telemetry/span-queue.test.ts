import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { describe, test } from 'node:test'
import { decodeSpans } from '../../src/telemetry/otlp-spans.ts'
import { encodeSpanOrigin, SpanBatch } from '../../src/telemetry/span-batch.ts'
import { SpanQueue, type SpanQueueOptions } from '../../src/telemetry/span-queue.ts'
import { createSpanRecorder } from '../../src/telemetry/span-recorder.ts'
import { eventually } from '../support/eventually.ts'

/** A queue whose batches the test takes off by hand. */
function startQueue(options: Partial<SpanQueueOptions> = {}) {
  const sent: string[][] = []
  const losses: [spans: number, cause?: unknown][] = []
  const answers: PromiseWithResolvers<void>[] = []
  const origin = encodeSpanOrigin({}, 'tests')
  const queue = new SpanQueue({
    createBatch: () => new SpanBatch(origin),
    send(request) {
      sent.push(decodeSpans(request).map(({ name }) => name))
      const answer = Promise.withResolvers<void>()
      answers.push(answer)
      return answer.promise
    },
    delayMs: 60_000,
    maxBatchSize: 2,
    maxSize: 5,
    onLoss: (...loss) => losses.push(loss),
    ...options,
  })
  const { start } = createSpanRecorder({
    sampler: () => true,
    limits: { attributes: 1, events: 1, characters: 1 },
    randomFill: randomFillSync,
    onEnd: (span) => queue.push(span),
  })
  return { queue, sent, losses, answers, end: (name: string) => start(name, undefined).end() }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('the queue of spans', () => {
  test('sends a batch when it is full, and the next one when that has arrived', async () => {
    const { sent, answers, end } = startQueue()
    for (const name of ['a', 'b', 'c', 'd']) end(name)
    assert.deepEqual(sent, [['a', 'b']])
    answers[0]!.resolve()
    await turn()
    assert.deepEqual(sent, [
      ['a', 'b'],
      ['c', 'd'],
    ])
  })

  test('sends one that is not full after the delay', async () => {
    const { sent, end } = startQueue({ delayMs: 1 })
    end('a')
    // The timer of the queue keeps no process alive; this does.
    await eventually('the batch', () => sent.length > 0)
    assert.deepEqual(sent, [['a']])
  })

  test('drops what is too much, says how much it was, and goes on', async () => {
    const { sent, losses, answers, end } = startQueue()
    // Two are on their way, and five wait.
    for (let i = 0; i < 10; i++) end(String(i))
    assert.deepEqual(losses, [])
    answers[0]!.resolve()
    await turn()
    end('later')
    assert.deepEqual(losses, [[3]])
    for (const i of [1, 2]) {
      answers[i]!.resolve()
      await turn()
    }
    assert.deepEqual(sent, [
      ['0', '1'],
      ['2', '3'],
      ['4', '5'],
      ['6', 'later'],
    ])
  })

  test('says which spans were not sent, and leaves their bytes alone', async () => {
    const requests: Uint8Array[] = []
    const gone = new Error('gone')
    const { losses, end, queue } = startQueue({
      send(request) {
        requests.push(request)
        return Promise.reject(gone)
      },
    })
    for (const name of ['a', 'b', 'c', 'd']) end(name)
    await queue.flush()
    assert.deepEqual(losses, [
      [2, gone],
      [2, gone],
    ])
    assert.deepEqual(
      requests.map((request) => decodeSpans(request).map(({ name }) => name)),
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    )
  })

  test('flushes what there is, and waits until it has arrived', async () => {
    const { queue, sent, answers, end } = startQueue()
    end('a')
    let flushed = false
    const done = queue.flush().then(() => {
      flushed = true
    })
    await turn()
    assert.deepEqual([sent, flushed], [[['a']], false])
    answers[0]!.resolve()
    await done
  })
})
