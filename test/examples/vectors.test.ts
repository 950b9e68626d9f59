/** The test vectors of the protocol, replayed by the example backends in their own languages. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { go, goMissing } from '../support/go-build.ts'
import { needs } from '../support/needs.ts'

const root = join(import.meta.dirname, '../..')
const pythonMissing = needs(spawnSync('python3', ['--version']).status === 0, 'python3 is not installed')

describe('the vectors of the protocol', () => {
  test('pass in Python', { skip: pythonMissing }, () => {
    const program = join(root, 'examples/backends/python/vectors.py')
    const run = spawnSync('python3', ['-B', program, join(root, 'docs/vectors')], { encoding: 'utf8', timeout: 60_000 })
    assert.equal(run.status, 0, run.stdout + run.stderr)
  })

  test('pass in Go', { skip: goMissing() }, async () => {
    // What it prints says which one fails; an error of ours would quote all of it.
    const { stdout } = await go('test', '-count=1', '.').catch((error: { stdout: string }) => error)
    assert.match(stdout, /^ok /m)
  })
})
