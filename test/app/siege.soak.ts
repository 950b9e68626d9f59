import { test } from 'node:test'
import { needs } from '../support/needs.ts'
import { besiege, hasSlowHttpTest } from './siege.ts'

const MINUTES = Number(process.env.SIEGE_MINUTES ?? 10)

test(
  `a siege of ${MINUTES} minutes costs a well-behaved client no request and little time`,
  {
    skip: needs(hasSlowHttpTest, 'slowhttptest is not here'),
  },
  (t) =>
    besiege(t, {
      durationMs: MINUTES * 60_000,
      quietMs: 30_000,
      seed: Date.now() % 2 ** 31,
      maxSlowdown: 5,
      floorMs: 100,
    }),
)
