import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatBytes, formatDuration, parseBytes, parseDurationMs } from '../../src/exchange/units.ts'

test('reads durations with their unit', () => {
  assert.equal(parseDurationMs('250ms'), 250)
  assert.equal(parseDurationMs('5s'), 5000)
  assert.equal(parseDurationMs('1.5m'), 90_000)
  assert.equal(parseDurationMs('2h'), 7_200_000)
  assert.equal(parseDurationMs('0'), 0)
})

test('refuses what is no duration', () => {
  for (const text of ['', '5', '5 s', '-1s', 's', '1e3s', '5sec', 'Infinity']) {
    assert.equal(parseDurationMs(text), undefined, text)
  }
})

test('reads sizes, binary and decimal', () => {
  assert.equal(parseBytes('512'), 512)
  assert.equal(parseBytes('10MiB'), 10 * 1024 * 1024)
  assert.equal(parseBytes('1KB'), 1000)
  assert.equal(parseBytes('1.5KiB'), 1536)
  for (const text of ['', '1 MiB', '1mib', '-1', '1TB']) assert.equal(parseBytes(text), undefined, text)
})

test('reads back what it formats', () => {
  fc.assert(fc.property(fc.nat(1e9), (ms) => parseDurationMs(formatDuration(ms)) === ms))
  fc.assert(fc.property(fc.nat(1e9), (bytes) => parseBytes(formatBytes(bytes)) === bytes))
})
