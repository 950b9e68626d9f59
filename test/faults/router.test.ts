import { test } from 'node:test'
import { freezeRouter } from './frozen-router.ts'

test('a router frozen for a second: its clients wait, and nothing is lost', async (t) => {
  await freezeRouter(t, 1000)
})
