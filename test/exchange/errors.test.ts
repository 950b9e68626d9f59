import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ERRORS } from '../../src/exchange/errors.ts'

test('docs/operations.md has a cause and a remedy for every code', () => {
  const manual = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
  const section = manual.split('\n## ').find((part) => part.startsWith('Error codes\n')) ?? ''
  const rows = section.split('\n').filter((line) => line.startsWith('| `'))
  const documented = rows.flatMap((row) => {
    const [, codes = '', cause = '', remedy = ''] = row.split('|').map((cell) => cell.trim())
    assert.ok(cause !== '' && remedy !== '', row)
    return [...codes.matchAll(/`([a-z_]+)`/g)].map(([, code]) => code!)
  })
  assert.deepEqual(documented.sort(), Object.keys(ERRORS).sort())
})
