import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { findToken, withoutCookie, withoutParameter } from '../../../src/policies/jwt/token-place.ts'
import { testRequest } from '../../support/test-request.ts'

const PLACES = { query: 'access_token', cookie: 'session' }

describe('the token of a request', () => {
  for (const [what, headers, query, expected] of [
    ['a bearer', ['authorization', 'Bearer a.b.c'], '', 'a.b.c'],
    ['a bearer in any case', ['authorization', 'bEARER  a.b.c '], '', 'a.b.c'],
    ['another scheme', ['authorization', 'Basic YTpi'], '', undefined],
    ['another scheme that begins so', ['authorization', 'Bearer2 a'], '', undefined],
    ['a scheme alone', ['authorization', 'Bearer'], '', ''],
    ['two words', ['authorization', 'Bearer a b'], '', ''],
    ['a bearer behind a tab, before others', ['authorization', 'Bearer\ta', 'cookie', 'session=d'], '', ''],
    ['a bearer behind a space of another kind', ['authorization', 'Bearer\u00a0a'], '', ''],
    ['a bearer after white space', ['authorization', ' \tBearer a'], '', ''],
    ['a bearer before others', ['cookie', 'session=d', 'authorization', 'Bearer a'], 'access_token=e', 'a'],
    ['a parameter', [], 'x=1&access_token=a.b.c&y=2', 'a.b.c'],
    ['a parameter whose name is encoded', [], 'access%5Ftoken=a', 'a'],
    ['a parameter with an empty value', [], 'access_token=', undefined],
    ['a parameter with another name', [], 'xaccess_token=a&access_token2=b', undefined],
    ['a parameter that is malformed', [], 'access_token=%zz', '%zz'],
    ['a cookie', ['cookie', 'a=1; session=a.b.c; b=2'], '', 'a.b.c'],
    ['a cookie in quotes', ['cookie', 'session="a.b.c"'], '', 'a.b.c'],
    ['a cookie that was taken back', ['cookie', 'session='], '', undefined],
    ['a cookie with separators of lines', ['cookie', 'session=a\u2028b\u2029'], '', 'a\u2028b'],
    ['a cookie with another name', ['cookie', 'xsession=a; session2=b'], '', undefined],
  ] as const) {
    test(`is found, or not, in ${what}`, () => {
      assert.equal(findToken(testRequest({ headers, query }), PLACES), expected)
    })
  }

  test('is found soon in a query of malformed names and values', () => {
    for (const pair of ['%&', '%=&', '%%%%%%%%%%%%&', 'access_toke%n=%&', 'access%5Ftoken=&', '=&']) {
      const request = testRequest({ headers: [], query: pair.repeat(8192 / pair.length) })
      findToken(request, PLACES)
      // The quickest, as others have the machine at times.
      const ms = Array.from({ length: 10 }, () => {
        const startMs = performance.now()
        findToken(request, PLACES)
        return performance.now() - startMs
      })
      assert.ok(Math.min(...ms) < 8, `${Math.min(...ms)} ms for ${pair}`)
    }
  })

  test('is nowhere but where it may be', () => {
    assert.equal(findToken(testRequest({ headers: ['cookie', 'session=a'], query: 'access_token=b' }), {}), undefined)
  })

  test('is taken out of the query, every time and however it is written', () => {
    const clean = (query: string) => withoutParameter(query, 'access_token')
    assert.equal(clean('a=1&access_token=x&b=%20&access%5ftoken=y&%61ccess_token'), 'a=1&b=%20')
    assert.equal(clean('access_token=x'), '')
    assert.equal(clean('a=1&b'), 'a=1&b')
  })

  test('is taken out of the cookies, and the others stay', () => {
    const clean = (...headers: string[]) => withoutCookie(headers, 'session')
    assert.deepEqual(clean('a', '1', 'cookie', 'x=1; session=a; y=2', 'b', '2'), [
      'a',
      '1',
      'cookie',
      'x=1; y=2',
      'b',
      '2',
    ])
    assert.deepEqual(clean('cookie', 'session=a', 'cookie', 'x=1; session=b'), ['cookie', 'x=1'])
    assert.deepEqual(clean('cookie', 'sessions=a'), ['cookie', 'sessions=a'])
  })
})
