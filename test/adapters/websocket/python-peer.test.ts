import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { needs } from '../../support/needs.ts'
import { startStreamBackend } from '../../support/stream-backend.ts'

/** Debian's own: another python3 on PATH does not know Debian's packages. */
const PYTHON = '/usr/bin/python3'
const isThere = spawnSync(PYTHON, ['-c', 'import websockets']).status === 0
const run = promisify(execFile)

test('a client of another make, python3-websockets, finds nothing amiss', {
  skip: needs(isThere, 'python3-websockets is not installed'),
}, async (t) => {
  const subject = `t${process.pid}wspython`
  const nats = await natsUrl()
  const gateway = await startGateway({
    natsUrl: nats,
    routes: [{ name: 'echo', match: { kind: 'ws', path: '/echo' }, subject }],
  })
  t.after(() => gateway.close())
  const backend = await startStreamBackend(nats)
  t.after(() => backend.close())
  await backend.handle(subject, (stream) => {
    stream.accept(1, 65_536)
    stream.head({ status: 200, headers: [] })
    return {
      data: (chunk, meta) => stream.data(chunk, meta),
      drained: () => stream.drained(),
      end: (_trailers, closeCode) => stream.end([], closeCode),
    }
  })
  const url = `${gateway.url.replace('http', 'ws')}/echo`
  const { stdout } = await run(PYTHON, [join(import.meta.dirname, 'python_peer.py'), url], { timeout: 30_000 })
  const checks = Object.fromEntries(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as [string, unknown]),
  )
  assert.deepEqual(checks, {
    text: 'grüße',
    binary: '00ff',
    fragments: [2001, 'ä', 'ü'],
    large: true,
    order: true,
    ping: true,
    close: 1001,
    extensions: ['plain', []],
    'too large': 1009,
    'no route': 404,
  })
  await gateway.assertIdle()
})
