import { test } from 'node:test'
import { runAbortStorm } from '../../support/abort-storm.ts'

test('nothing outlives its request in 50,000 requests with random aborts', () => runAbortStorm(50_000))
