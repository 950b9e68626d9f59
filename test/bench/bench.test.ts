import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { needs } from '../support/needs.ts'
import { benchReport } from './run-bench.ts'

// The figures themselves are held to their bars in bars.soak.ts, on a machine that does nothing else.
const isThere = spawnSync('wrk', ['-v']).error === undefined

test('measures the router beside the ceiling and fastify, and says what machine it was', {
  skip: needs(isThere, 'wrk is not installed'),
}, async (t) => {
  const flags = ['--only', 'unary', '--connections', '4', '--seconds', '1', '--rounds', '1', '--routes', '10']
  const { machine, unary, ratios } = await benchReport(t, ...flags)
  assert.ok(machine.cores > 0 && machine.memoryGiB > 0)
  assert.deepEqual(
    unary.map(({ gateway, connections }) => [gateway, connections]),
    [
      ['ceiling', 4],
      ['router', 4],
      ['fastify', 4],
    ],
  )
  for (const { gateway, rps, p50Us, p99Us, cpuUsPerRequest } of unary) {
    assert.ok(rps > 100 && p50Us > 0 && p99Us >= p50Us && cpuUsPerRequest > 0, gateway)
  }
  assert.ok(ratios[0]!.rpsOfCeiling! > 0)
})
