import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { connect, type Msg, type NatsConnection } from 'nats'
import { eventually } from '../../support/eventually.ts'
import { type Gateway, startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { refusedSocket } from '../websocket/start-client.ts'
import { connectMuxClient } from './mux-client.ts'

const SUBJECT = `t${process.pid}.proxied`
const OF_A_PROXY = ['Forwarded', 'X-Forwarded-For', 'x-forwarded-user', 'X-Real-IP', 'True-Client-IP']

describe('a proxy in front, which does not see frames,', () => {
  let nats: NatsConnection
  let gateway: Gateway
  let message: Msg | undefined

  before(async () => {
    nats = await connect({ servers: await natsUrl() })
    nats.subscribe(SUBJECT, {
      callback(_, request) {
        message = request
        request.respond('ok')
      },
    })
    await nats.flush()
    const routes = [{ name: 'who', match: { path: '/who' }, subject: SUBJECT }]
    gateway = await startGateway({ natsUrl: await natsUrl(), routes })
  })

  after(async () => {
    await gateway.close()
    await nats.close()
  })

  test('has its own fields to itself', async () => {
    const client = await connectMuxClient({ port: gateway.port, kind: 'ws', encoding: 'json' })
    const headers = Object.fromEntries([...OF_A_PROXY.map((name) => [name, '192.0.2.1']), ['x-mine', 'yes']])
    client.send({ t: 'open', id: 1, path: '/who', headers })
    const { headers: seen } = await eventually('it has come', () => message)
    assert.equal(seen?.get('x-mine'), 'yes')
    for (const name of OF_A_PROXY) assert.equal(seen?.has(name.toLowerCase()), false, name)
    client.close()
    await gateway.assertIdle()
  })

  test('has no frames behind it where the router takes none', async () => {
    const single = await startGateway({ natsUrl: await natsUrl(), routes: [], mux: false })
    assert.equal((await refusedSocket(`${single.url}/_sx`)).status, 404)
    await single.close()
  })
})
