import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { mergePolicies, type PolicySpec, policyListSchema } from '../../src/policies/policy-list.ts'
import { parseRoute } from '../../src/routing/spec.ts'

describe('policy list', () => {
  test('takes one policy an entry, with options of its schema', () => {
    const list = [{ headers: { response: { remove: ['server'] } } }, { off: 'headers' }]
    const result = policyListSchema.safeParse(list)
    assert.deepEqual(result.data, list)
  })

  for (const [what, list, expected] of [
    ['an unknown policy', [{ header: {} }], /header/],
    ['an entry with two', [{ headers: {}, off: 'headers' }], /one policy an entry/],
    ['an entry with none', [{}], /one policy an entry/],
    ['an unknown option', [{ headers: { responses: {} } }], /responses/],
    ['an unknown name after off', [{ off: 'nothing' }], /expected one of/],
    ['a header that is the router’s own', [{ headers: { request: { set: { 'Sx-Subject-Id': 'a' } } } }], /own to set/],
    ['a header value with a line break', [{ headers: { response: { set: { a: 'b\r\nc: d' } } } }], /visible ASCII/],
  ] as const) {
    test(`refuses ${what}`, () => {
      const result = policyListSchema.safeParse(list)
      assert.equal(result.success, false)
      assert.match(JSON.stringify(result.error?.issues), expected)
    })
  }

  test('says of a misspelt policy that alone', () => {
    const codes = (list: unknown) => policyListSchema.safeParse(list).error?.issues.map(({ code }) => code)
    assert.deepEqual(codes([{ jtw: {} }]), ['unrecognized_keys'])
    assert.deepEqual(codes([{ jtw: {}, headers: {} }]), ['unrecognized_keys'])
    assert.deepEqual(codes([{}]), ['custom'])
  })

  test('errors of a route’s policies lead to the key at fault', () => {
    const parsed = parseRoute({
      name: 'a',
      match: { path: '/' },
      subject: 'a',
      policies: [{ headers: { request: { set: { connection: 'x' } } } }],
    })
    assert.ok(!parsed.ok)
    assert.deepEqual(parsed.issues[0]?.path, ['policies', 0, 'headers', 'request', 'set', 'connection'])
  })
})

describe('merging policies', () => {
  const p = (kind: string, options: unknown = {}): PolicySpec => ({ kind, options })

  test('a route without its own has the defaults', () => {
    assert.deepEqual(mergePolicies([p('a'), p('b')], []), [p('a'), p('b')])
  })

  test('its own stand where the default of that kind stood, and others come after', () => {
    assert.deepEqual(mergePolicies([p('a'), p('b'), p('c')], [p('d'), p('b', 1), p('b', 2)]), [
      p('a'),
      p('b', 1),
      p('b', 2),
      p('c'),
      p('d'),
    ])
  })

  test('off takes a default away', () => {
    assert.deepEqual(mergePolicies([p('a'), p('b')], [p('off', 'a')]), [p('b')])
  })
})
