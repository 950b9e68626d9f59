import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Inbox } from '../../src/nats/inbox.ts'

describe('an inbox', () => {
  const owns = (prefix: string, subject: string) => {
    const inbox = new Inbox(
      prefix,
      () => 'token',
      () => {},
    )
    assert.ok(inbox.owns(inbox.replySubject('x')))
    return inbox.owns(subject)
  }

  test('leaves others theirs below `_INBOX`, where everybody has one', () => {
    assert.equal(owns('_INBOX', '_INBOX.another.x'), false)
    assert.equal(owns('_INBOX', '_INBOX.token2.x'), false)
  })

  test('takes all below another prefix for inboxes of routers', () => {
    for (const prefix of ['_REPLY', '_INBOX.routers', '_INBOX_routers']) {
      assert.equal(owns(prefix, `${prefix}.another.x`), true)
      assert.equal(owns(prefix, `${prefix}2.another.x`), false)
      assert.equal(owns(prefix, '_INBOX.another.x'), false)
    }
  })
})
