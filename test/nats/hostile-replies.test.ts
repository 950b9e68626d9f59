import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { openRaw, type RawConnection } from '../support/raw-http.ts'

const SUBJECT = `t${process.pid}hostile`

describe('a reply whose header block is broken', () => {
  let gateway: Gateway
  /** Speaks the protocol by hand: no client library sends such headers. */
  let backend: RawConnection

  before(async () => {
    const url = await natsUrl()
    gateway = await startGateway({
      natsUrl: url,
      routes: [{ name: 'hostile', match: { path: '/hostile' }, subject: SUBJECT, timeout: '1s' }],
    })
    backend = await openRaw(Number(new URL(url).port))
    backend.write(`CONNECT {"verbose":false,"headers":true}\r\nSUB ${SUBJECT} 1\r\nPING\r\n`)
    await backend.until(/PONG\r\n/)
  })
  after(async () => {
    backend.destroy()
    await gateway.close()
  })
  afterEach(() => gateway.assertIdle())

  let answered = 0
  const requestAnswered = async (block: string) => {
    const response = fetch(`${gateway.url}/hostile`)
    const inboxes = () => [...backend.text().matchAll(/HMSG \S+ 1 (\S+) /g)].map(([, inbox]) => inbox)
    await eventually('the request', () => inboxes().length > answered)
    const inbox = inboxes()[answered++]
    backend.write(Buffer.from(`HPUB ${inbox} ${block.length} ${block.length + 2}\r\n${block}ok\r\n`, 'latin1'))
    return response
  }

  for (const [what, line] of [
    ['a space in a name', 'bad name: 1'],
    ['a control character in a name', 'a\x01b: 1'],
    ['a line break in a value', 'a: 1\r2'],
    ['a character beyond ASCII in a name', 'n\xfcme: 1'],
  ]) {
    test(`is a 502 and harms no other exchange: ${what}`, async () => {
      const response = await requestAnswered(`NATS/1.0\r\n${line}\r\n\r\n`)
      assert.equal(response.status, 502)
      assert.equal(((await response.json()) as { code: string }).code, 'backend_error')
      const next = await requestAnswered('NATS/1.0\r\na: 1\r\n\r\n')
      assert.equal(next.status, 200)
      assert.equal(next.headers.get('a'), '1')
      assert.equal(await next.text(), 'ok')
    })
  }
})
