import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { ChildGuard } from '../../src/dev/child-guard.ts'
import { startDevPostgres } from '../../src/dev/postgres.ts'
import { query } from '../store/migrated-database.ts'

let checkout: string
let dataDirectory: string
let settingsFile: string
let guard: ChildGuard

beforeEach(async () => {
  checkout = await mkdtemp(join(tmpdir(), 'engine-router-data-'))
  await chmod(checkout, 0o755)
  dataDirectory = join(checkout, '.data')
  // Whatever our umask: the Postgres user may enter it, and its data goes with the checkout.
  await mkdir(dataDirectory)
  await chmod(dataDirectory, 0o755)
  settingsFile = join(dataDirectory, 'postgres.json')
  guard = new ChildGuard()
})

afterEach(async () => {
  await guard.close()
  await rm(checkout, { recursive: true })
})

test('keeps data between runs, behind a password that others cannot read', async () => {
  const first = await startDevPostgres(guard, dataDirectory)
  await query(first.url, 'create table kept (n int)')
  const withoutPassword = new URL(first.url)
  withoutPassword.password = 'guessed'
  await assert.rejects(query(withoutPassword.href, 'select 1'), { code: '28P01' })
  assert.equal((await stat(settingsFile)).mode & 0o777, 0o600)
  await first.child.stop()
  const second = await startDevPostgres(guard, dataDirectory)
  assert.deepEqual(await query(second.url, 'select * from kept'), [])
})

test('refuses data that another run uses', async () => {
  const { url } = await startDevPostgres(guard, dataDirectory)
  await assert.rejects(startDevPostgres(guard, dataDirectory), /process \d+ uses .* already: end the other/)
  assert.deepEqual(await query(url, 'select 1 as n'), [{ n: 1 }])
})

test('stops the server that a killed run left, and starts on its data', async () => {
  const left = await startDevPostgres(guard, dataDirectory)
  await query(left.url, 'create table kept (n int)')
  await claimForDeadProcess()
  const next = await startDevPostgres(guard, dataDirectory)
  assert.equal((await left.child.exited).code, 0)
  assert.deepEqual(await query(next.url, 'select * from kept'), [])
})

test('starts after a crash that left its pid file', async () => {
  const crashed = await startDevPostgres(guard, dataDirectory)
  await query(crashed.url, 'create table kept (n int)')
  crashed.child.signalGroup('SIGKILL')
  await crashed.child.exited
  const next = await startDevPostgres(guard, dataDirectory)
  assert.deepEqual(await query(next.url, 'select * from kept'), [])
})

test('starts although another process has the pid of one that is gone', async () => {
  const first = await startDevPostgres(guard, dataDirectory)
  await first.child.stop()
  const { directory } = JSON.parse(await readFile(settingsFile, 'utf8')) as { directory: string }
  await writeFile(join(directory, 'postmaster.pid'), `${process.pid}\n${directory}\n`)
  const second = await startDevPostgres(guard, dataDirectory)
  assert.deepEqual(await query(second.url, 'select 1 as n'), [{ n: 1 }])
})

test('shows its settings whole to another run that starts meanwhile', async () => {
  const first = await startDevPostgres(guard, dataDirectory)
  await first.child.stop()
  await claimForDeadProcess()
  const text = await readFile(settingsFile, 'utf8')
  const reader = await open(settingsFile)
  await startDevPostgres(guard, dataDirectory)
  assert.equal(await reader.readFile('utf8'), text)
  await reader.close()
  assert.equal((await stat(settingsFile)).mode & 0o777, 0o600)
})

test('says what to do about settings that are damaged', async () => {
  for (const text of ['{"directory": "/', '', 'null', '{}']) {
    await writeFile(settingsFile, text)
    await assert.rejects(startDevPostgres(guard, dataDirectory), /postgres\.json is damaged; delete it and try again/)
  }
})

for (const mode of [0o755, 0o700]) {
  test(`leaves nothing of a temporary one in a folder of mode ${mode.toString(8)}`, async () => {
    await chmod(checkout, mode)
    await startDevPostgres(guard, dataDirectory, { temporary: true })
    const { directory } = JSON.parse(await readFile(settingsFile, 'utf8')) as { directory: string }
    assert.ok(existsSync(directory))
    await guard.close()
    // The Postgres user may not enter a closed folder, and has its data elsewhere.
    assert.deepEqual([dirname(directory), dataDirectory].filter(existsSync), [])
  })
}

test('begins anew when its settings are gone', async () => {
  const first = await startDevPostgres(guard, dataDirectory)
  await query(first.url, 'create table lost (n int)')
  await first.child.stop()
  await rm(settingsFile)
  const second = await startDevPostgres(guard, dataDirectory)
  await assert.rejects(query(second.url, 'select * from lost'), { code: '42P01' })
})

async function claimForDeadProcess(): Promise<void> {
  const settings: unknown = JSON.parse(await readFile(settingsFile, 'utf8'))
  await writeFile(settingsFile, JSON.stringify({ ...Object(settings), ownerPid: spawnSync('true').pid }))
}
