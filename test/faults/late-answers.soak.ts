import { test } from 'node:test'
import { abandonStreams } from './late-answers.ts'

test('a backend lets go of 3000 streams whose clients have left, with the help of its pings', async (t) => {
  t.diagnostic(`after ${Math.round(await abandonStreams(t, 3000))} ms`)
})
