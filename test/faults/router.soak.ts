import { test } from 'node:test'
import { freezeRouter } from './frozen-router.ts'

test('a router frozen for 40 s: it serves again at once, and its streams are whole or cut', async (t) => {
  await freezeRouter(t, 40_000)
})
