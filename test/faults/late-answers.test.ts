import assert from 'node:assert/strict'
import { test } from 'node:test'
import { abandonStreams } from './late-answers.ts'

test('a backend lets go at once of 300 streams whose clients have left while it was frozen', async (t) => {
  const healedMs = await abandonStreams(t, 300)
  assert.ok(healedMs < 5000, `after ${healedMs} ms`)
})
