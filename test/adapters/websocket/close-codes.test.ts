import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { closeCodeOfStatus } from '../../../src/adapters/websocket/close-codes.ts'
import { ERRORS } from '../../../src/exchange/errors.ts'

test('docs/websocket.md has every code that an error or a status of a backend closes with', () => {
  const manual = readFileSync(new URL('../../../docs/websocket.md', import.meta.url), 'utf8')
  const section = manual.split(/^## /m).find((text) => text.startsWith('Close codes\n')) ?? ''
  const documented = new Set(
    [...section.matchAll(/^\| ([\d, ]+) \|/gm)].flatMap(([, codes]) => codes!.split(', ').map(Number)),
  )
  const codes = new Set<number>(Object.values(ERRORS).map(({ close }) => close))
  for (let status = 400; status < 600; status++) codes.add(closeCodeOfStatus(status))
  // A message beyond the limit of its sender, and a connection that broke: of no error and no status.
  codes.add(1013).add(1006)
  assert.deepEqual([...documented].sort(), [...codes].sort())
})
