import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readResponses } from './responses.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'
const LAST = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno'

const read = (text: string, mayHaveHead = false) => readResponses(Buffer.from(text, 'latin1'), mayHaveHead)

describe('what came back on a connection', () => {
  test('is read response after response', () => {
    assert.deepEqual(read(''), [])
    const all = `HTTP/1.1 100 Continue\r\n\r\n${OK}${CHUNKED}HTTP/1.1 204 No Content\r\n\r\n${LAST}`
    assert.deepEqual(read(all), [100, 200, 200, 204, 400])
  })

  test('may be cut off anywhere', () => {
    for (let length = 0; length <= (OK + CHUNKED).length; length++) read((OK + CHUNKED).slice(0, length))
  })

  test('may be to HEAD, and have the length of a body that is not there', () => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n'
    assert.deepEqual(read(head + OK, true), [200, 200])
    assert.deepEqual(read(head + OK), [200])
  })

  for (const [name, text] of [
    ['with what is no HTTP behind a response', `${OK}x`],
    ['with something behind the last response', `${LAST}${OK}`],
    ['with a status that is no number', OK.replace('200', '2x0')],
    ['with a control character in the status line', OK.replace('OK', 'O\0K')],
    ['with a header field without a name', OK.replace('Content-Length', '')],
    ['with a control character in a header field', OK.replace('5\r', '5\0\r')],
    ['with two lengths', OK.replace('Content-Length: 5', 'Content-Length: 5\r\nContent-Length: 5')],
    ['with a length and chunks', CHUNKED.replace('\r\n', '\r\nContent-Length: 5\r\n')],
    ['with a chunk longer than it says', CHUNKED.replace('5\r\n', '4\r\n')],
    ['with a chunk without a size', CHUNKED.replace('5\r\n', '\r\n')],
  ] as const) {
    test(`is refused ${name}`, () => assert.throws(() => read(text), { name: 'AssertionError' }))
  }
})
