import assert from 'node:assert/strict'
import { existsSync, globSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { openDuplex } from './duplex-request.ts'
import { AT_ONCE_MS, startStage, TIMEOUT_MS } from './stage.ts'

const library = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1')[0]
const missing = existsSync(library ?? '') ? false : 'libfaketime is not installed (apt-get install faketime)'

test('a clock that jumps a day ahead and two days back: no timeout comes early or late, streams go on', {
  skip: missing,
}, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'engine-router-clock-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const file = join(directory, 'offset')
  await writeFile(file, '+0\n')
  const stage = await startStage(t, {
    env: {
      LD_PRELOAD: library!,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      // As the system does it: a jump moves the time of day, never the monotonic clock.
      DONT_FAKE_MONOTONIC: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
  })
  await stage.startBackend(t)
  stage.client.subscribe('plain', {})
  await stage.client.flush()
  const open = await openDuplex(t, `${stage.router.url}/sx/echo`, 'before ')
  let jumps = 0
  for (const offset of ['+1d', '-1d', '+0']) {
    const waiting = stage.ask('/plain')
    await eventually('it is under way', async () => (await stage.metric('engine_router_inbox_tokens')) === 2)
    await writeFile(file, `${offset}\n`)
    const { status, code, tookMs } = await waiting
    assert.equal(`${status} ${code}`, '504 timeout')
    assert.ok(tookMs >= TIMEOUT_MS * 0.9 && tookMs < TIMEOUT_MS + AT_ONCE_MS, `${offset}: after ${tookMs} ms`)
    await open.echo(`jump ${jumps++} `)
  }
  // Or the clock has not moved, and this has tested nothing.
  const times = stage.router
    .log()
    .filter(({ code }) => code === 'timeout')
    .map(({ time }) => Date.parse(String(time)))
  const dayMs = 24 * 3600 * 1000
  assert.ok(times[0]! - times[1]! > 1.9 * dayMs, `the log has ${times}`)
  open.request.end()
  assert.equal(await open.over, 'whole')
  await stage.assertCalm()
})
