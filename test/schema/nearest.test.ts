import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { didYouMean, nearest } from '../../src/schema/nearest.ts'

describe('nearest', () => {
  test('finds the name behind a slip of the fingers', () => {
    assert.equal(nearest('tiemout', ['name', 'timeout', 'idleTimeout']), 'timeout')
    assert.equal(nearest('sngle', ['single', 'many']), 'single')
    assert.equal(nearest('Port', ['host', 'port']), 'port')
  })

  test('suggests nothing when no name is near', () => {
    assert.equal(nearest('banana', ['host', 'port']), undefined)
    assert.equal(nearest('x', []), undefined)
  })

  test('takes the nearest of several', () => {
    assert.equal(nearest('connections', ['connectionsPerIp', 'connection', 'conn']), 'connection')
  })

  test('ends a sentence with the name, or with nothing', () => {
    assert.equal(didYouMean('prot', ['port']), ', did you mean "port"?')
    assert.equal(didYouMean('banana', ['port']), '')
  })
})
