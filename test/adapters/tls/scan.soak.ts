import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { temporaryFiles } from '../../support/certificates.ts'
import { needs } from '../../support/needs.ts'
import { startTlsListeners } from '../../support/start-tls-listeners.ts'

const skip = needs(spawnSync('testssl', ['--version']).error === undefined, 'testssl is not here')

interface Finding {
  readonly id: string
  readonly severity: string
  readonly finding: string
}

/** Of the certificates that tests make; and that a client chooses among ciphers all of which are strong. */
const NOT_OURS = /^(?:cert_.*|cipher_order.*|DNS_CAArecord|engine_problem)$/

describe('what testssl finds', { skip }, () => {
  for (const kind of ['http', 'tcp'] as const) {
    test(`of ${kind} has no weakness, in protocols, ciphers and the known attacks`, async (t) => {
      const { ports, authority } = await startTlsListeners(t)
      const json = join(temporaryFiles(t), 'findings.json')
      const checks = ['--protocols', '--std', '--fs', '--server-preference', '--server-defaults', '--vulnerable']
      const options = ['--jsonfile', json, '--add-ca', authority, '--warnings', 'off', '--color', '0', '--quiet']
      // It exits with a number of its own also where all is well.
      const scan = spawn('testssl', [...options, ...checks, `localhost:${ports[kind]}`], { stdio: 'ignore' })
      t.after(() => scan.kill())
      await once(scan, 'exit')
      const findings = JSON.parse(readFileSync(json, 'utf8')) as Finding[]
      assert.ok(findings.length > 50, `${findings.length} findings`)
      const bad = findings.filter(({ id, severity }) => !/^(?:OK|INFO|DEBUG)$/.test(severity) && !NOT_OURS.test(id))
      assert.deepEqual(bad, [])
      // That the scan came so far.
      for (const id of ['TLS1_3', 'secure_client_renego', 'RC4'])
        assert.ok(
          findings.some((found) => found.id === id),
          id,
        )
    })
  }
})
