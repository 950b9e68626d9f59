import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { needs } from '../support/needs.ts'
import { descendantsOf, running } from '../support/process-tree.ts'

const isThere = spawnSync('wrk', ['-v']).error === undefined

test('bench that is interrupted says that it has stopped, and leaves no process behind', {
  skip: needs(isThere, 'wrk is not installed'),
}, async (t) => {
  const main = join(import.meta.dirname, '../../src/main.ts')
  const child = spawn(process.execPath, [main, 'bench', '--only', 'unary', '--routes', '10'])
  t.after(() => child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const closed = once(child, 'close')
  await eventually('the start of a run', () => output.includes('starting nats-server'))
  const pids = descendantsOf(child.pid!)
  child.kill('SIGTERM')
  const [code] = await closed
  assert.equal(code, 143, output)
  assert.match(output, /^stopped\n$/m)
  assert.doesNotMatch(output, /error|unexpected|abort/)
  await eventually('the end of every process', () => running(pids).length === 0)
})
