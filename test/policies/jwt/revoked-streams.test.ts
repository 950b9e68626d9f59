import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { exportSPKI } from 'jose'
import { connect } from 'nats'
import type { RouteDocument } from '../../../src/routing/spec.ts'
import { openSocket } from '../../adapters/websocket/start-client.ts'
import { startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { createSigningKey, signToken } from '../../support/token-issuer.ts'

const P = `t${process.pid}revokedstreams`

test('a revocation ends what began under options that its route has no more', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'engine-router-revoked-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const publicKeyFile = join(directory, 'key.pem')
  const key = await createSigningKey('one')
  writeFileSync(publicKeyFile, await exportSPKI(key.publicKey))
  const nats = await connect({ servers: await natsUrl() })
  t.after(() => nats.close())
  nats.subscribe(`${P}.events`, { callback: (_, message) => void message.respond('first') })
  await nats.flush()
  const routes = (options: object): RouteDocument[] => {
    const policies = [{ jwt: { publicKeyFile, ...options } }]
    const subject = `${P}.events`
    return [
      { name: 'events', match: { path: '/events' }, subject, reply: 'many', policies },
      { name: 'rpc', match: { kind: 'ws', path: '/rpc' }, subject, websocket: 'rpc', policies },
    ]
  }
  const gateway = await startGateway({ natsUrl: await natsUrl(), routes: routes({}) })
  t.after(() => gateway.close())

  const open = async (sub: string) => {
    const headers = { authorization: `Bearer ${await signToken(key, { sub })}` }
    const events = await fetch(`${gateway.url}/events`, { headers })
    assert.equal(events.status, 200)
    const reader = events.body!.getReader()
    assert.equal((await reader.read()).done, false)
    return { reader, rpc: await openSocket(`${gateway.url}/rpc`, { headers }) }
  }
  const [alice, bob] = [await open('alice'), await open('bob')]
  gateway.setRoutes(routes({ scopes: ['admin'] }))
  const revokedAtMs = Date.now()
  gateway.revocations.replace([
    { kind: 'subject', value: 'alice', issuer: undefined, revokedAtMs, expiresAtMs: revokedAtMs + 60_000 },
  ])

  await assert.rejects(alice.reader.read())
  assert.equal((await alice.rpc.closed()).code, 4401)
  assert.equal(gateway.transport.size, 1, 'the stream of somebody else goes on')
  bob.rpc.ws.send('x')
  assert.deepEqual(await bob.rpc.messages(1), ['first'])
  await bob.reader.cancel()
  bob.rpc.ws.close()
  await gateway.assertIdle()
  assert.equal(gateway.revocations.held.size, 0)
})
