import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { needs } from '../../support/needs.ts'
import { startTlsListeners } from '../../support/start-tls-listeners.ts'
import { assertGradeA, noTestssl } from './testssl.ts'

const skip = needs(spawnSync('sslscan', ['--version']).status === 0, 'sslscan is not here')

/** Forward secrecy and authenticated encryption. */
const STRONG =
  /^(?:TLS_(?:AES_128_GCM_SHA256|AES_256_GCM_SHA384|CHACHA20_POLY1305_SHA256)|ECDHE-\w+-(?:AES\d+-GCM-SHA\d+|CHACHA20-POLY1305))$/

describe('what sslscan finds', { skip }, () => {
  for (const kind of ['http', 'tcp'] as const) {
    test(`of ${kind} is strong protocols and ciphers, and nothing else`, async (t) => {
      const { ports } = await startTlsListeners(t)
      const { stdout } = await promisify(execFile)('sslscan', ['--xml=-', `127.0.0.1:${ports[kind]}`], {
        timeout: 60_000,
      })
      const found = (element: string) =>
        [...stdout.matchAll(new RegExp(`<${element} ([^>]*)/>`, 'g'))].map(([, text]) =>
          Object.fromEntries([...text!.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name!, value!])),
        )
      const protocols = found('protocol').filter(({ enabled }) => enabled === '1')
      assert.deepEqual(
        protocols.map(({ type, version }) => `${type} ${version}`),
        ['tls 1.2', 'tls 1.3'],
      )
      const ciphers = found('cipher').map(({ cipher }) => cipher!)
      assert.equal(ciphers.length, 6)
      for (const cipher of ciphers) assert.match(cipher, STRONG)
      assert.deepEqual(found('renegotiation'), [{ supported: '0', secure: '0' }])
      assert.deepEqual(new Set(found('heartbleed').map(({ vulnerable }) => vulnerable)), new Set(['0']))
      assert.deepEqual(
        found('compression').filter(({ supported }) => supported !== '0'),
        [],
      )
      for (const { bits, name } of found('group')) assert.ok(Number(bits) >= 112, name)
    })
  }
})

describe('what testssl finds', { skip: noTestssl, concurrency: true }, () => {
  for (const kind of ['http', 'tcp'] as const) {
    test(`of ${kind} leaves it at grade A`, (t) => assertGradeA(t, kind))
  }
})
