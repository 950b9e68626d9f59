import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AwaitedRevision } from '../../src/store/awaited-revision.ts'

describe('an awaited revision', () => {
  test('is not over before the file was tried, whatever the table', () => {
    const awaited = new AwaitedRevision()
    for (const revision of [9, 3, 4]) awaited.onTable(revision, 'database')
    assert.equal(awaited.isOver, false)
  })

  test('is over with the table that has it, whichever of the two comes first', () => {
    const before = new AwaitedRevision()
    before.onTable(5, 'database')
    before.onAttempted(5)
    assert.equal(before.isOver, true)

    const after = new AwaitedRevision()
    after.onTable(4, 'database')
    after.onAttempted(5)
    assert.equal(after.isOver, false)
    after.onTable(6, 'database')
    assert.equal(after.isOver, true)
  })

  test('is over at once when the file changed nothing', () => {
    const awaited = new AwaitedRevision()
    awaited.onAttempted(0)
    assert.equal(awaited.isOver, true)
  })

  test('stays over when the revision falls', () => {
    const awaited = new AwaitedRevision()
    awaited.onTable(5, 'database')
    awaited.onAttempted(5)
    awaited.onTable(1, 'database')
    assert.equal(awaited.isOver, true)
  })

  test('is over when the database goes back to before it, but not for a table from disk', () => {
    const awaited = new AwaitedRevision()
    awaited.onTable(4, 'database')
    awaited.onAttempted(5)
    awaited.onTable(4, 'database')
    awaited.onTable(3, 'cache')
    assert.equal(awaited.isOver, false)
    awaited.onTable(2, 'database')
    assert.equal(awaited.isOver, true)
  })
})
