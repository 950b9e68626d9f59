import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { DeadlineWheel } from '../../src/exchange/deadline-wheel.ts'
import type { ExchangeError } from '../../src/exchange/errors.ts'
import { WorkspaceTransports } from '../../src/nats/workspace-transports.ts'
import { temporaryFiles } from '../support/certificates.ts'
import { freePort } from '../support/free-port.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { testRequest } from '../support/test-request.ts'
import { testRoute } from '../support/test-route.ts'

const MAX_CONNECTIONS = 1000
const TOO_MANY = 'only 1000 workspaces have a NATS connection of their own'

// Without a NATS to connect to: 1,000 handshakes with credentials take most of a minute of a processor.
test('1,000 workspaces have a NATS connection of their own, and one more has none', async (t) => {
  const creds = join(temporaryFiles(t), 'none.creds')
  await writeFile(creds, '')
  const errors: string[] = []
  const logger = { ...silentLogger, error: (_fields: object, message: string) => void errors.push(message) }
  const wheel = new DeadlineWheel()
  const transports = new WorkspaceTransports({
    creds,
    link: { servers: [`127.0.0.1:${await freePort()}`], name: 'test workspaces', logger },
    transport: { wheel, inboxPrefix: '_INBOX', randomFill: randomFillSync, random: Math.random },
  })
  t.after(async () => {
    await transports.close()
    wheel.stop()
  })
  const dispatch = transports.dispatchFor(testRoute(), () => assert.fail('each request names a workspace'))
  const errorOf = (workspace: string) =>
    new Promise<string>((resolve) => {
      const reset = ({ code, message }: ExchangeError) => resolve(`${code}: ${message}`)
      const client = { head() {}, data: () => true, end() {}, reset, drained() {} }
      dispatch(testRequest({ workspace, subject: 'run' }), client).end()
    })
  const tenants = Array.from({ length: MAX_CONNECTIONS + 1 }, (_, i) => ({ id: `${i}`, name: `workspace-${i}` }))
  const [last, oneMore] = [MAX_CONNECTIONS - 1, MAX_CONNECTIONS].map(String)

  transports.replace(tenants.slice(0, MAX_CONNECTIONS))
  assert.doesNotMatch(await errorOf(last!), /has no NATS connection$/)
  assert.ok(!errors.includes(TOO_MANY))

  transports.replace(tenants)
  assert.doesNotMatch(await errorOf(last!), /has no NATS connection$/)
  assert.equal(await errorOf(oneMore!), 'nats_unavailable: workspace 1000 has no NATS connection')
  assert.equal(errors.filter((message) => message === TOO_MANY).length, 1)

  // It gets one when another is deleted.
  transports.replace(tenants.slice(1))
  assert.doesNotMatch(await errorOf(oneMore!), /has no NATS connection$/)
})
