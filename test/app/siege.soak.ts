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
      quietMs: 30_000,
      warmUpMs: 90_000,
      durationMs: MINUTES * 60_000,
      seed: Date.now() % 2 ** 31,
      maxSlowdown: 5,
      floorMs: 25,
      maxGrowthBytes: 32 * 1024 ** 2,
    }),
)
