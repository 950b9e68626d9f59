import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { connect, type NatsConnection } from 'nats'
import { findInterest, matchesSubject } from '../../src/nats/interest.ts'
import { natsUrl } from '../support/nats.ts'

describe('interest', () => {
  let asking: NatsConnection
  let backend: NatsConnection

  before(async () => {
    const servers = await natsUrl()
    asking = await connect({ servers })
    backend = await connect({ servers })
  })

  after(async () => {
    await backend.close()
    await asking.close()
  })

  const find = (subject: string, probe: boolean) => findInterest(asking, subject, { probe, inboxPrefix: '_INBOX' })

  test('finds a micro service by its endpoint, without calling it', async () => {
    let calls = 0
    const service = await backend.services.add({ name: 'orders', version: '1.0.0' })
    service.addEndpoint('create', { subject: 'interest.*.create', handler: () => calls++ })
    await backend.flush()
    const interest = await find('interest.eu.create', true)
    assert.equal(interest.listening, 'yes')
    assert.match(interest.reason, /service `orders` listens on `interest\.\*\.create`/)
    assert.equal(calls, 0)
    assert.equal((await find('interest.eu.delete', false)).listening, 'unknown')
    await service.stop()
  })

  test('does not send anything to the subject unless it may probe', async () => {
    const received: string[] = []
    const subscription = backend.subscribe('interest.plain', {
      callback: (_error, message) => {
        received.push(message.subject)
        message.respond()
      },
    })
    await backend.flush()
    const unasked = await find('interest.plain', false)
    assert.equal(unasked.listening, 'unknown')
    assert.match(unasked.reason, /--probe/)
    assert.deepEqual(received, [])
    assert.equal((await find('interest.plain', true)).listening, 'yes')
    assert.deepEqual(received, ['interest.plain'])
    subscription.unsubscribe()
  })

  test('takes a responder that stays silent for one that listens', async () => {
    const subscription = backend.subscribe('interest.silent', { callback: () => {} })
    await backend.flush()
    assert.equal((await find('interest.silent', true)).listening, 'yes')
    subscription.unsubscribe()
  })

  test('tells by a probe that nobody listens', async () => {
    assert.equal((await find('interest.nobody', true)).listening, 'no')
  })

  test('is not misled by nonsense in answer to discovery', async () => {
    const nonsense = ['', '{', 'null', '{"name":"x"}', '{"endpoints":5}', '{"endpoints":[null]}']
    const subscription = backend.subscribe('$SRV.INFO', {
      callback: (_error, message) => {
        for (const text of nonsense) message.respond(Buffer.from(text))
      },
    })
    await backend.flush()
    assert.equal((await find('interest.nobody', false)).listening, 'unknown')
    subscription.unsubscribe()
  })

  test('matches subjects as the server does', () => {
    for (const [pattern, subject, expected] of [
      ['a.b', 'a.b', true],
      ['a.b', 'a.c', false],
      ['a.*', 'a.b', true],
      ['a.*', 'a', false],
      ['a.*', 'a.b.c', false],
      ['a.>', 'a.b.c', true],
      ['a.>', 'a', false],
      ['>', 'a', true],
      ['a.b.c', 'a.b', false],
    ] as const) {
      assert.equal(matchesSubject(pattern, subject), expected, `${pattern} ${subject}`)
    }
  })
})

for (const end of ['close', 'drain'] as const) {
  test(`asking by a connection after its ${end} is an error at once, and leaves no timer`, async (t) => {
    const client = await connect({ servers: await natsUrl() })
    const ended = client[end]()
    t.mock.timers.enable({ apis: ['setTimeout'] })
    await assert.rejects(
      findInterest(client, 'interest.late', { probe: false, inboxPrefix: '_INBOX' }),
      /CONNECTION_(CLOSED|DRAINING)/,
    )
    t.mock.timers.runAll()
    t.mock.timers.reset()
    await ended
  })
}
