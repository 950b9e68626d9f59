import * as uws from 'uWebSockets.js'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { SpareCork } from '../../src/adapters/spare-cork.ts'

test('a stranger who finds its port gets nothing, and ends nothing', async (t) => {
  let port = 0
  let listening: uws.us_listen_socket | undefined
  const spareCork = await SpareCork.open({
    ...uws,
    // As if the stranger had been quick.
    us_listen_socket_close(socket) {
      listening = socket
    },
    us_socket_local_port(socket) {
      port = uws.us_socket_local_port(socket)
      return port
    },
  })
  t.after(() => {
    spareCork.close()
    uws.us_listen_socket_close(listening!)
  })
  for (let i = 0; i < 3; i++) await assert.rejects(fetch(`http://127.0.0.1:${port}/`))
  let corked = 0
  spareCork.cork({} as uws.HttpResponse, () => corked++)
  assert.equal(corked, 1)
})

// In a process of its own: uWebSockets writes to stderr by itself, and what is not closed would keep the process alive.
test('a request is upgraded later within a spare cork, and uWebSockets complains of nothing', async () => {
  const program = join(import.meta.dirname, 'late-upgrades.ts')
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  assert.deepEqual({ out, err, code }, { out: '{"1000":200}\n', err: '', code: 0 })
})
