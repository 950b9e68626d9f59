import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { TARGETS } from './fuzz/targets/index.ts'

const ROOT = join(import.meta.dirname, '..')
const text = readFileSync(join(ROOT, 'docs/security.md'), 'utf8')

test('docs/security.md names tests that are there, one at least for each control', () => {
  const names = [...text.matchAll(/`(test\/[^`]+\.ts)`/g)].map(([, name]) => name!)
  assert.ok(names.length > 40)
  assert.deepEqual(
    names.filter((name) => !existsSync(join(ROOT, name))),
    [],
  )
  const controls = text.split('\n').filter((line) => line.startsWith('| ') && line.split('|').length === 5)
  const rows = controls.filter((line) => !line.startsWith('| threat |'))
  assert.deepEqual(
    rows.filter((line) => !line.includes('`test/')),
    [],
  )
})

test('docs/security.md names all targets of the fuzzer', () => {
  assert.deepEqual(
    TARGETS.map(({ name }) => name).filter((name) => !text.includes(`\`${name}\``)),
    [],
  )
})

test('docs/security.md says how many packages go into production', () => {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: true; optional?: true; devOptional?: true }>
  }
  const inProduction = Object.entries(lock.packages).filter(
    ([place, { dev, optional, devOptional }]) => place !== '' && !dev && !optional && !devOptional,
  )
  assert.match(text, new RegExp(`^${inProduction.length} packages go into production`, 'm'))
})
