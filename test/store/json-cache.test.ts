import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { jsonCache } from '../../src/store/json-cache.ts'

async function createCache(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'engine-router-cache-'))
  t.after(() => rm(directory, { recursive: true }))
  const file = join(directory, 'cache.json')
  return { directory, file, cache: jsonCache<string>(file, (text) => text, String) }
}

test('keeps the last snapshot, for its owner alone', async (t) => {
  const { file, cache } = await createCache(t)
  assert.equal(await cache.read(), undefined)
  await cache.write('first')
  await cache.write('second')
  assert.equal(await cache.read(), 'second')
  assert.equal((await stat(file)).mode & 0o777, 0o600)
})

test('stays whole where several write at a time, and have one process id as those of containers do', async (t) => {
  const { directory, cache } = await createCache(t)
  const snapshots = Array.from({ length: 8 }, (_, n) => String(n).repeat((n + 1) * 100_000))
  await Promise.all(snapshots.map((snapshot) => cache.write(snapshot)))
  assert.ok(snapshots.includes((await cache.read())!))
  assert.deepEqual(await readdir(directory), ['cache.json'])
})

test('leaves nothing behind when it cannot be written', async (t) => {
  const { directory, file, cache } = await createCache(t)
  await mkdir(file)
  await assert.rejects(cache.write('text'), { syscall: 'rename' })
  assert.deepEqual(await readdir(directory), ['cache.json'])
})
