import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { NatsConnection } from 'nats'
import { Outbox, type Outgoing } from '../../src/nats/outbox.ts'

/** An outbox, and the subjects that have been published from it. */
function createOutbox() {
  const published: string[] = []
  const client = {
    publish(subject: string) {
      if (subject === 'bad') throw new Error('no such subject')
      published.push(subject)
    },
  }
  return { outbox: new Outbox(() => client as unknown as NatsConnection), published }
}

function message(subject: string, more: Partial<Outgoing> = {}): Outgoing {
  return {
    subject,
    reply: 'reply',
    headerBlock: new Uint8Array(0),
    payload: new Uint8Array(0),
    wantsPublish: () => true,
    onPublishFailed(cause) {
      throw cause
    },
    ...more,
  }
}

const names = (count: number) => Array.from({ length: count }, (_, i) => `s${i}`)

describe('outbox', () => {
  test('publishes once the turn is over, in order, what is still wanted', async () => {
    const { outbox, published } = createOutbox()
    for (const name of ['a', 'b', 'c']) outbox.push(message(name, { wantsPublish: () => name !== 'b' }))
    assert.deepEqual(published, [])
    await turn()
    assert.deepEqual(published, ['a', 'c'])
  })

  test('does not wait for the end of the turn once there is enough for one write, and loses and repeats nothing', async () => {
    const { outbox, published } = createOutbox()
    for (const name of names(200)) outbox.push(message(name))
    assert.equal(published.length, 192)
    await turn()
    assert.deepEqual(published, names(200))
  })

  test('publishes at once when it is told to', async () => {
    const { outbox, published } = createOutbox()
    outbox.push(message('a'))
    outbox.flush()
    assert.deepEqual(published, ['a'])
    await turn()
    assert.deepEqual(published, ['a'])
  })

  test('takes new messages while it publishes, from one that has failed', async () => {
    const { outbox, published } = createOutbox()
    const failed: unknown[] = []
    const onPublishFailed = (cause: unknown) => {
      failed.push(cause)
      for (const name of names(100)) outbox.push(message(name))
    }
    outbox.push(message('bad', { onPublishFailed }))
    outbox.push(message('last'))
    await turn()
    await turn()
    assert.equal(failed.length, 1)
    assert.deepEqual(published, ['last', ...names(100)])
  })

  test('is no deeper in calls the more fail, where each that fails brings another', async () => {
    const { outbox } = createOutbox()
    let failed = 0
    let depth = 0
    let deepest = 0
    const push = () => outbox.push(message('bad', { onPublishFailed }))
    const onPublishFailed = () => {
      deepest = Math.max(deepest, ++depth)
      if (failed++ < 1000) push()
      depth--
    }
    for (let i = 0; i < 64; i++) push()
    while (failed < 1064) await turn()
    assert.equal(deepest, 1)
  })
})
