import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { needs } from '../../support/needs.ts'
import { startTlsListeners } from '../../support/start-tls-listeners.ts'

const skip = needs(spawnSync('openssl', ['version']).status === 0, 'openssl is not here')
const MAX_HANDSHAKE_MS = 15_000
/** The beginning of a ClientHello. */
const HELLO = Buffer.from('16030100c8010000c4', 'hex')

describe('a TLS handshake that does not come to its end', { skip }, () => {
  for (const kind of ['http', 'tcp'] as const) {
    for (const sends of ['nothing', 'a part', 'a byte a second']) {
      test(`is cut, over ${kind}, where the client sends ${sends}`, async (t) => {
        const { ports } = await startTlsListeners(t)
        const socket = connect(ports[kind], '127.0.0.1')
        // A reset is a way to be cut; `close` follows.
        socket.on('error', () => {})
        socket.resume()
        if (sends !== 'nothing') socket.write(HELLO)
        const drip = sends === 'a byte a second' ? setInterval(() => socket.write('x'), 1000) : undefined
        const late = setTimeout(() => socket.destroy(new Error('it is still open')), MAX_HANDSHAKE_MS)
        await new Promise((resolve) => socket.once('close', resolve))
        clearInterval(drip)
        clearTimeout(late)
        assert.notEqual(socket.errored?.message, 'it is still open')
      })
    }
  }
})
