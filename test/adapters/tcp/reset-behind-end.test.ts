import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect as connectPlain, type Socket } from 'node:net'
import { test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { ExchangeError } from '../../../src/exchange/errors.ts'
import type { Stream } from '../../../src/wire/stream.ts'
import { createCertificate, temporaryFiles } from '../../support/certificates.ts'
import { eventually } from '../../support/eventually.ts'
import { needs } from '../../support/needs.ts'
import { startRawTcp } from './start-tcp.ts'

const noTls = needs(spawnSync('openssl', ['version']).status === 0, 'openssl is not here')

for (const [kind, skip] of [
  ['TCP', false],
  ['TLS', noTls],
] as const) {
  test(`a backend that ends and resets at once leaves no connection behind: ${kind}`, { skip }, async (t) => {
    let held: Stream | undefined
    const tcp = await startRawTcp(t, {
      maxConnections: 1,
      ...(kind === 'TLS' && { tls: createCertificate(temporaryFiles(t), 'one') }),
      handler(stream) {
        stream.accept(1, 64 * 1024)
        stream.head({ status: 200, headers: [] })
        held = stream
        return { data: () => true }
      },
    })
    const open = (): Socket => {
      const raw = connectPlain({ port: tcp.port, host: '127.0.0.1' })
      const socket = kind === 'TLS' ? connectTls({ socket: raw, rejectUnauthorized: false }) : raw
      t.after(() => void raw.destroy())
      // One that is over the limit, or has not heard yet that the one before it is gone, is reset.
      for (const each of [raw, socket]) each.on('error', () => {})
      return socket
    }
    const first = open()
    const closed = once(first, 'close')
    const stream = await eventually('the backend has it', () => held)
    held = undefined
    stream.end()
    stream.reset(new ExchangeError('backend_error', 'it takes no more'))
    await tcp.assertIdle()
    await closed
    assert.equal(tcp.ended[0]?.code, 'backend_error')
    await eventually('the next connection has its place', () => {
      if (held === undefined) open()
      return held
    })
  })
}
