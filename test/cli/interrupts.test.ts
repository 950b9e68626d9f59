import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, test } from 'node:test'
import { createInterrupts, Interruption } from '../../src/cli/interrupts.ts'
import type { Verb } from '../../src/cli/verb.ts'
import { runCli } from './run-cli.ts'

describe('interrupts', () => {
  function setUp() {
    const clock = { nowMs: 0 }
    let kills = 0
    const interrupts = createInterrupts({ now: () => clock.nowMs, kill: () => kills++ })
    return { clock, interrupts, kills: () => kills }
  }

  test('the first one aborts the signal and kills nothing', () => {
    const { interrupts, kills } = setUp()
    assert.equal(interrupts.signal.aborted, false)
    interrupts.onInterrupt('SIGINT')
    assert.equal(interrupts.signal.aborted, true)
    assert.equal(kills(), 0)
  })

  for (const [signal, exitCode] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    test(`a verb that ends with what ${signal} threw has stopped, and not failed`, async () => {
      const { interrupts } = setUp()
      interrupts.onInterrupt(signal)
      const verb: Verb = {
        options: {},
        async run(_args, io) {
          io.signal.throwIfAborted()
          return 0
        },
      }
      const entries = [{ name: 'wait', summary: 'Wait', load: async () => ({ verb }) }]
      const result = await runCli(['wait'], { entries, signal: interrupts.signal })
      assert.deepEqual(result, { code: exitCode, stdout: '', stderr: 'stopped\n' })
      assert.ok(interrupts.signal.reason instanceof Interruption)
    })
  }

  for (const words of [
    ['conns', 'ls', '--url'],
    ['call', 'GET', '/x', '--subject', 'x', '--nats-url'],
    ['trace', '--port', '0', 'GET'],
  ]) {
    test(`${words[0]} that waits for somebody silent has stopped, and not failed`, async (t) => {
      const { interrupts } = setUp()
      const silent = createServer((socket) => {
        socket.on('error', () => {})
        t.after(() => socket.destroy())
        interrupts.onInterrupt('SIGINT')
      })
      silent.listen(0, '127.0.0.1')
      await once(silent, 'listening')
      t.after(() => silent.close())
      const { port } = silent.address() as AddressInfo
      const scheme = words.includes('--nats-url') ? 'nats' : 'http'
      const result = await runCli([...words, `${scheme}://127.0.0.1:${port}`], { signal: interrupts.signal })
      assert.deepEqual([result.code, result.stderr], [130, 'stopped\n'])
    })
  }

  test('a copy of the same key press does not count as the second', () => {
    const { clock, interrupts, kills } = setUp()
    interrupts.onInterrupt('SIGINT')
    clock.nowMs = 20
    interrupts.onInterrupt('SIGINT')
    assert.equal(kills(), 0)
  })

  test('a second one kills', () => {
    const { clock, interrupts, kills } = setUp()
    interrupts.onInterrupt('SIGINT')
    clock.nowMs = 501
    interrupts.onInterrupt('SIGINT')
    assert.equal(kills(), 1)
  })
})
