import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, type TestContext, test } from 'node:test'
import { startTcpAdapter } from '../../../src/adapters/tcp/adapter.ts'
import type { TlsOptions } from '../../../src/adapters/tls/tls-options.ts'
import { DeadlineWheel } from '../../../src/exchange/deadline-wheel.ts'
import { DEAF_LIMIT_OBSERVER } from '../../../src/exchange/limit.ts'
import { createCertificate, temporaryFiles } from '../../support/certificates.ts'
import { eventually } from '../../support/eventually.ts'
import { needs } from '../../support/needs.ts'
import { silentLogger } from '../../support/silent-logger.ts'
import { unlimitedConnections } from '../../support/unlimited.ts'
import { connectTcp } from './tcp-client.ts'

const skip = needs(spawnSync('openssl', ['version']).status === 0, 'openssl is not here')
const PROXY = 'PROXY TCP4 203.0.113.7 192.0.2.2 8888 8080\r\n'

/** A listener whose connections must never get ready, on a clock of the test's. */
async function start(t: TestContext, proxyProtocol: boolean, tls?: TlsOptions) {
  let nowMs = 0
  const wheel = new DeadlineWheel({ now: () => nowMs })
  const adapter = await startTcpAdapter({
    host: '127.0.0.1',
    port: 0,
    tls,
    proxyProtocol,
    maxConnections: 10,
    limits: unlimitedConnections(),
    observer: DEAF_LIMIT_OBSERVER,
    wheel,
    logger: silentLogger,
    protocol: () => () => assert.fail('no connection was to get ready'),
  })
  t.after(() => {
    adapter.close()
    wheel.stop()
  })
  return {
    adapter,
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
    listener.wait(900)
    assert.equal(listener.adapter.connections, 1)
    listener.wait(200)
    assert.equal(await client.outcome, 'reset')
    await listener.assertIdle()
  })

  test('resets a TLS handshake that takes more than 10 seconds', { skip }, async (t) => {
    const listener = await start(t, false, createCertificate(temporaryFiles(t), 'one'))
    const client = connectTcp(t, listener.adapter.port)
    await eventually('it is in', () => listener.adapter.connections === 1)
    listener.wait(9_900)
    assert.equal(listener.adapter.connections, 1)
    listener.wait(200)
    assert.equal(await client.outcome, 'reset')
    await listener.assertIdle()
  })

  test('a drain does not wait for it', async (t) => {
    const listener = await start(t, true)
    const client = connectTcp(t, listener.adapter.port)
    await eventually('it is in', () => listener.adapter.connections === 1)
    await listener.adapter.drain(60_000)
    assert.equal(await client.outcome, 'reset')
  })
})
