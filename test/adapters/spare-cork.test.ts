import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'

// In a process of its own: uWebSockets writes to stderr by itself, and what is not closed would keep the process alive.
test('a request is upgraded later within a spare cork, and uWebSockets complains of nothing', async () => {
  const program = join(import.meta.dirname, 'late-upgrades.ts')
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  assert.deepEqual({ out, err, code }, { out: '{"1000":200}\n', err: '', code: 0 })
})
