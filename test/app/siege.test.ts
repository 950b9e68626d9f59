import { test } from 'node:test'
import { needs } from '../support/needs.ts'
import { besiege, hasSlowHttpTest } from './siege.ts'

// Ten minutes of it, with the bar for the time that it may cost, are in siege.soak.ts.

test(
  'a siege costs a well-behaved client no request',
  {
    skip: needs(hasSlowHttpTest, 'slowhttptest is not here'),
    // Of so few requests on a shared machine a busy moment is most of the last percent.
  },
  (t) => besiege(t, { durationMs: 15_000, quietMs: 3_000, seed: 1, maxSlowdown: 5, floorMs: 2_000 }),
)
