import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, type TestContext, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { startTcpAdapter } from '../../../src/adapters/tcp/adapter.ts'
import type { TlsOptions } from '../../../src/adapters/tls/tls-options.ts'
import { DeadlineWheel } from '../../../src/exchange/deadline-wheel.ts'
import type { Limit } from '../../../src/exchange/limit.ts'
import { createCertificate, temporaryFiles } from '../../support/certificates.ts'
import { eventually } from '../../support/eventually.ts'
import { needs } from '../../support/needs.ts'
import { silentLogger } from '../../support/silent-logger.ts'
import { unlimitedConnections } from '../../support/unlimited.ts'
import { connectTcp } from './tcp-client.ts'

const skip = needs(spawnSync('openssl', ['version']).status === 0, 'openssl is not here')
const PROXY = 'PROXY TCP4 203.0.113.7 192.0.2.2 8888 8080\r\n'

/** How late a deadline may be. */
const TICKS_MS = 20

/** A listener that counts connections that get ready, and closes them, on a clock of the test's. */
async function start(t: TestContext, proxyProtocol: boolean, tls?: TlsOptions) {
  let nowMs = 0
  const limited: Limit[] = []
  let ready = 0
  const wheel = new DeadlineWheel({ now: () => nowMs })
  const adapter = await startTcpAdapter({
    host: '127.0.0.1',
    port: 0,
    tls,
    proxyProtocol,
    maxConnections: 10,
    limits: unlimitedConnections(),
    observer: { onLimit: (limit) => void limited.push(limit) },
    wheel,
    logger: silentLogger,
    protocol:
      () =>
      ({ raw }) => {
        ready++
        raw.destroy()
      },
  })
  t.after(() => {
    adapter.close()
    wheel.stop()
  })
  return {
    adapter,
    limited,
    ready: () => ready,
    wait(ms: number) {
      nowMs += ms
      wheel.advance()
    },
    async assertIdle() {
      await eventually('nothing is left', () => adapter.connections + wheel.size === 0)
    },
  }
}

describe('Handshake', () => {
  test('resets a connection whose PROXY header takes more than 5 seconds, byte by byte or not', async (t) => {
    const listener = await start(t, true)
    const client = connectTcp(t, listener.adapter.port)
    await eventually('it is in', () => listener.adapter.connections === 1)
    client.socket.write(PROXY.slice(0, 10))
    listener.wait(4_000)
    client.socket.write(PROXY.slice(10, 20))
    listener.wait(1_000)
    assert.deepEqual([listener.adapter.connections, listener.limited], [1, []])
    listener.wait(TICKS_MS)
    assert.deepEqual([listener.ready(), listener.limited], [0, ['handshake']])
    assert.equal(await client.outcome, 'reset')
    await listener.assertIdle()
  })

  test('takes a PROXY header that is whole at the last moment', async (t) => {
    const listener = await start(t, true)
    const client = connectTcp(t, listener.adapter.port)
    await eventually('it is in', () => listener.adapter.connections === 1)
    client.socket.write(PROXY.slice(0, 10))
    listener.wait(5_000)
    client.socket.write(PROXY.slice(10))
    await eventually('it is ready', () => listener.ready() === 1)
    listener.wait(TICKS_MS)
    assert.deepEqual(listener.limited, [])
  })

  test('resets a TLS handshake that takes more than 10 seconds', { skip }, async (t) => {
    const listener = await start(t, false, createCertificate(temporaryFiles(t), 'one'))
    const client = connectTcp(t, listener.adapter.port)
    await eventually('it is in', () => listener.adapter.connections === 1)
    listener.wait(10_000)
    assert.deepEqual([listener.adapter.connections, listener.limited], [1, []])
    listener.wait(TICKS_MS)
    assert.deepEqual([listener.ready(), listener.limited], [0, ['handshake']])
    assert.equal(await client.outcome, 'reset')
    await listener.assertIdle()
  })

  test('takes a TLS handshake that comes at the last moment', { skip }, async (t) => {
    const listener = await start(t, false, createCertificate(temporaryFiles(t), 'one'))
    const client = connectTcp(t, listener.adapter.port)
    await eventually('it is in', () => listener.adapter.connections === 1)
    listener.wait(10_000)
    const secure = connectTls({ socket: client.socket, rejectUnauthorized: false })
    t.after(() => void secure.destroy())
    await eventually('it is ready', () => listener.ready() === 1)
    listener.wait(TICKS_MS)
    assert.deepEqual(listener.limited, [])
  })

  test('a drain does not wait for it', async (t) => {
    const listener = await start(t, true)
    const client = connectTcp(t, listener.adapter.port)
    await eventually('it is in', () => listener.adapter.connections === 1)
    await listener.adapter.drain(60_000)
    assert.equal(await client.outcome, 'reset')
  })
})
