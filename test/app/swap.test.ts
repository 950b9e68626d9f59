import { test } from 'node:test'
import { swapTables } from './swap.ts'

// A hundred of them are in swap.soak.ts.

test('swaps of a large table under load lose nothing and mix no two tables', (t) => swapTables(t, 15))
