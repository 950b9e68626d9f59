import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { LIMITS } from '../../src/exchange/limit.ts'

/** The names in code style of some column of the tables below a heading. */
function namesOf(manual: string, heading: string, column: number): Set<string> {
  const text = readFileSync(new URL(`../../docs/${manual}`, import.meta.url), 'utf8')
  const section = text.split(/^(?=## )/m).find((part) => part.startsWith(`## ${heading}\n`)) ?? ''
  const cells = section.split('\n').flatMap(
    (line) =>
      line
        .match(/^\|(.+)\|$/)?.[1]
        ?.split('|')
        .at(column) ?? [],
  )
  return new Set(cells.flatMap((cell) => [...cell.matchAll(/`([a-z_]+)`/g)].map(([, name]) => name!)))
}

test('docs/metrics.md has each limit that is counted, and docs/operations.md what it is', () => {
  const counted = [...LIMITS].sort()
  assert.deepEqual([...namesOf('metrics.md', 'Limits', 0)].filter((name) => name !== 'limit').sort(), counted)
  const explained = namesOf('operations.md', 'Limits', -1)
  assert.deepEqual(
    [...explained].filter((name) => name !== 'limit' && !name.startsWith('engine_router_')).sort(),
    counted,
  )
})
