import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { connect, type NatsConnection } from 'nats'
import { WebSocket } from 'ws'
import { createApiKey, hashApiKey } from '../../src/exchange/api-key.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'

const P = `t${process.pid}known`

describe('limits of clients that are known', () => {
  let nats: NatsConnection
  let gateway: Gateway
  /** Two of Alice, one of Bob. */
  const [first, second, bobs] = [createApiKey(), createApiKey(), createApiKey()]

  before(async () => {
    nats = await connect({ servers: await natsUrl() })
    nats.subscribe(`${P}.whole`, { callback: (_, message) => void message.respond('ok') })
    await nats.flush()
    const limited = (options: object) => [{ apiKey: { optional: true } }, { rateLimit: { rate: '2/h', ...options } }]
    const subject = `${P}.whole`
    gateway = await startGateway({
      natsUrl: await natsUrl(),
      routes: [
        { name: 'subject', match: { path: '/subject' }, subject, policies: limited({ by: 'subject' }) },
        { name: 'key', match: { path: '/key' }, subject, policies: limited({ by: 'key' }) },
        {
          name: 'rpc',
          match: { kind: 'ws', path: '/rpc' },
          subject,
          websocket: 'rpc',
          policies: limited({ by: 'subject' }),
        },
        {
          name: 'early',
          match: { path: '/early' },
          subject,
          policies: limited({ by: 'subject' }).toReversed(),
        },
      ],
    })
    const record = ({ id, key }: typeof first, subjectId: string) => {
      return { id, hash: hashApiKey(key), subjectId, scopes: [], expiresAtMs: undefined }
    }
    gateway.apiKeys.replace([record(first, 'alice'), record(second, 'alice'), record(bobs, 'bob')])
  })

  after(async () => {
    await gateway.close()
    await nats.close()
  })

  const headersOf = (key: typeof first | undefined) => (key === undefined ? {} : { 'x-api-key': key.key })
  const statuses = async (path: string, keys: readonly (typeof first | undefined)[]) => {
    const found: number[] = []
    for (const key of keys) found.push((await fetch(`${gateway.url}${path}`, { headers: headersOf(key) })).status)
    return found
  }

  test('by subject, all keys of one client count together, and strangers by address', async () => {
    const asked = [first, second, first, bobs, undefined, undefined, undefined]
    assert.deepEqual(await statuses('/subject', asked), [200, 200, 429, 200, 200, 200, 429])
  })

  test('by key, each counts for itself', async () => {
    assert.deepEqual(await statuses('/key', [first, first, second, first]), [200, 200, 200, 429])
  })

  test('before the policy that authenticates, all count by address', async () => {
    assert.deepEqual(await statuses('/early', [first, bobs, bobs]), [200, 200, 429])
  })

  test('the messages of all WebSockets of a client count together', async () => {
    const open = async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/rpc`, { headers: headersOf(first) })
      await new Promise((resolve) => socket.on('open', resolve))
      return socket
    }
    const ask = (socket: WebSocket) =>
      new Promise((resolve) => {
        socket.once('message', (data) => resolve(String(data)))
        socket.once('close', resolve)
        socket.send('x')
      })
    const [one, other] = [await open(), await open()]
    assert.deepEqual([await ask(one), await ask(other), await ask(one)], ['ok', 'ok', 4429])
    other.close()
  })
})
