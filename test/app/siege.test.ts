import { test } from 'node:test'
import { needs } from '../support/needs.ts'
import { besiege, hasSlowHttpTest } from './siege.ts'

// Ten minutes of it, with the bar for the time that it may cost, are in siege.soak.ts.

const MIB = 1024 ** 2

test(
  'a siege costs a well-behaved client no request',
  {
    skip: needs(hasSlowHttpTest, 'slowhttptest is not here'),
  },
  (t) =>
    besiege(t, {
      quietMs: 3_000,
      warmUpMs: 0,
      durationMs: 12_000,
      seed: 1,
      maxSlowdown: 5,
      // Of so few requests on a shared machine a busy moment is most of the last percent.
      floorMs: 2_000,
      // Without a warm-up these are the caches and pools, too.
      maxGrowthBytes: 100 * MIB,
    }),
)
