import { test } from 'node:test'
import { runAbortStorm } from '../../support/abort-storm.ts'

test('nothing outlives its request in a million requests with random aborts', () => runAbortStorm(1_000_000))
