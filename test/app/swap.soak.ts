import { test } from 'node:test'
import { swapTables } from './swap.ts'

test('a hundred swaps of a large table under load lose nothing and mix no two tables', (t) => swapTables(t, 100))
