import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { headers as createHeaders } from 'nats'
import { parsePlainReply } from '../../src/wire/plain-reply.ts'

function reply(fields: Record<string, string | string[]>) {
  const headers = createHeaders()
  for (const [name, values] of Object.entries(fields)) for (const value of [values].flat()) headers.append(name, value)
  return parsePlainReply(headers)
}

describe('parsePlainReply', () => {
  test('takes a message without headers as a bare payload', () => {
    const bare = parsePlainReply(undefined)
    assert.equal(bare.status, undefined)
    assert.deepEqual(bare.headers, [])
    assert.equal(bare.isFrame, false)
  })

  test('reads the status and hands on the other headers in lower case', () => {
    const read = reply({ 'Sx-Status': '201', 'Content-Type': 'text/plain', 'Set-Cookie': ['a=1', 'b=2'] })
    assert.equal(read.status, 201)
    assert.deepEqual(read.headers, ['content-type', 'text/plain', 'set-cookie', 'a=1', 'set-cookie', 'b=2'])
    assert.equal(read.error, undefined)
  })

  test('keeps back hop-by-hop fields, framing, and what belongs to NATS and SX/1', () => {
    const read = reply({
      Connection: 'close',
      'Content-Length': '5',
      'Transfer-Encoding': 'chunked',
      'Nats-X': '1',
      'Sx-Y': '2',
    })
    assert.deepEqual(read.headers, [])
  })

  test('drops a header whose value holds control characters', () => {
    assert.deepEqual(
      parsePlainReply(Object.assign([['x-a', ['a\x01b', 'ok']]] as [string, string[]][], { code: 0 })).headers,
      ['x-a', 'ok'],
    )
  })

  test('refuses a status that no client could be told', () => {
    for (const status of ['99', '100', '600', '2000', 'abc', '']) {
      assert.equal(reply({ 'Sx-Status': status }).error?.code, 'backend_error', status)
    }
  })

  test('reads the failure of a micro service', () => {
    const { failure } = reply({ 'Nats-Service-Error-Code': '404', 'Nats-Service-Error': 'no such order' })
    assert.equal(failure?.status, 404)
    assert.equal(failure?.detail, 'no such order')
    assert.equal(reply({ 'Nats-Service-Error-Code': '42' }).failure?.status, 500)
    assert.equal(reply({ 'Nats-Service-Error-Code': 'E_DB' }).failure?.status, 500)
  })

  test('takes the echo of our own OPEN as plain and keeps what the client sent to itself', () => {
    const read = reply({
      Sx: 'open 1',
      'Sx-Path': '/a',
      cookie: 'secret',
      authorization: 'Bearer x',
      'content-type': 'text/csv',
    })
    assert.equal(read.isFrame, false)
    assert.equal(read.error, undefined)
    assert.deepEqual(read.headers, ['content-type', 'text/csv'])
    assert.deepEqual(reply({ Sx: 'open 1', cookie: 'secret' }).headers, [])
  })

  test('knows a frame of SX/1', () => {
    assert.equal(reply({ Sx: 'accept 1' }).isFrame, true)
  })

  test('reads the fields of an event', () => {
    assert.deepEqual(reply({ 'Sx-Event': 'tick', 'Sx-Id': '7' }).meta, { event: 'tick', id: '7' })
  })
})
