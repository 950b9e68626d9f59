import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { OPERATOR_PREFIX } from '../../src/operator-service.ts'
import { isPeerSubject } from '../../src/wire/peer-subject.ts'

describe('a subject that a peer names as its own', () => {
  for (const subject of [
    '_INBOX.abc.def',
    '_R_.a1.b2',
    '_GR_.x.y._INBOX.a',
    'backends.eu-1.$x',
    `${OPERATOR_PREFIX}s.x`,
    'x'.repeat(512),
  ]) {
    test(`may be ${subject.slice(0, 40)}`, () => assert.equal(isPeerSubject(subject), true))
  }
  for (const subject of [
    undefined,
    '',
    '$SYS.REQ.SERVER.PING',
    '$JS.API.STREAM.DELETE.orders',
    OPERATOR_PREFIX,
    `${OPERATOR_PREFIX}.router-1.drain`,
    'orders.*',
    'orders.>',
    '>',
    'a..b',
    '.a',
    'a.',
    'a b',
    'x'.repeat(513),
  ]) {
    test(`may not be ${JSON.stringify(subject)?.slice(0, 40)}`, () => assert.equal(isPeerSubject(subject), false))
  }
})
