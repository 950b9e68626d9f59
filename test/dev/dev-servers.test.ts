import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { announceDevServers, findDevServers, withdrawDevServers } from '../../src/dev/dev-servers.ts'

const URLS = { natsUrl: 'nats://127.0.0.1:4222', databaseUrl: 'postgres://127.0.0.1/dev' }

describe('servers of npm run dev', () => {
  let cwd: string
  beforeEach(async () => {
    cwd = await mkdtemp(join(tmpdir(), 'engine-router-dev-servers-'))
    await mkdir(join(cwd, '.data'))
  })
  afterEach(() => rm(cwd, { recursive: true, force: true }))

  test('are found until the session that announced them withdraws them', () => {
    announceDevServers(cwd, { pid: process.pid, ...URLS })
    assert.deepEqual(findDevServers(cwd), { pid: process.pid, ...URLS })
    withdrawDevServers(cwd)
    assert.equal(findDevServers(cwd), undefined)
    assert.doesNotThrow(() => withdrawDevServers(cwd), 'nothing to withdraw')
  })

  test('outlive a second session that could not start', () => {
    const running = { pid: process.ppid, ...URLS }
    announceDevServers(cwd, running)
    withdrawDevServers(cwd)
    assert.deepEqual(findDevServers(cwd), running)
  })

  test('are not found once their session is gone or the file is damaged', async () => {
    const file = join(cwd, '.data', 'dev.json')
    announceDevServers(cwd, { pid: 2 ** 30, ...URLS })
    assert.match(await readFile(file, 'utf8'), /postgres/)
    assert.equal(findDevServers(cwd), undefined)
    await writeFile(file, '{')
    assert.equal(findDevServers(cwd), undefined)
  })
})
