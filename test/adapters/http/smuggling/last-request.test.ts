import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { connect, headers, type NatsConnection } from 'nats'
import type { ResponseHead } from '../../../../src/exchange/exchange.ts'
import { type Gateway, startGateway } from '../../../support/gateway.ts'
import { natsUrl } from '../../../support/nats.ts'
import { openRaw } from '../../../support/raw-http.ts'
import { type StreamBackend, startStreamBackend } from '../../../support/stream-backend.ts'

const SUBJECT = `t${process.pid}last`
/** A connection that is to be closed by its client is given 12 s. */
const WITHIN_MS = 20_000

interface Answer {
  readonly head: Pick<ResponseHead, 'status' | 'headers'>
  readonly chunks: readonly string[]
  /** All that the client gets after the head. */
  readonly body: RegExp
  readonly method?: string
}

const large = 'x'.repeat(200_000)
const ok = (...headers: string[]) => ({ status: 200, headers })
const ANSWERS: Readonly<Record<string, Answer>> = {
  'is streamed': { head: ok(), chunks: ['a', 'b'], body: /^1\r\na\r\n1\r\nb\r\n0\r\n(x-last: \r\n)?\r\n$/ },
  'is streamed and large': { head: ok(), chunks: [large, large], body: /xxx\r\n0\r\n(x-last: \r\n)?\r\n$/ },
  'is streamed and empty': { head: ok(), chunks: [], body: /^$/ },
  'is streamed with its length': { head: ok('content-length', '2'), chunks: ['a', 'b'], body: /a[\s\S]*b/ },
  'has no content': { head: { status: 204, headers: [] }, chunks: [], body: /^$/ },
  'is not modified': { head: { status: 304, headers: [] }, chunks: [], body: /^$/ },
  'goes to HEAD': { head: ok('content-length', '2'), chunks: ['ab'], body: /^$/, method: 'HEAD' },
}

/** Where a chunked body ends is in doubt: what comes behind the answer is no request either. */
describe('a chunked request is the last on its connection, where the answer', { concurrency: true }, () => {
  let nats: NatsConnection
  let backend: StreamBackend
  let gateway: Gateway
  const received: string[] = []

  before(async () => {
    const url = await natsUrl()
    nats = await connect({ servers: url })
    backend = await startStreamBackend(url)
    gateway = await startGateway({
      natsUrl: url,
      routes: [
        { name: 'streams', match: { path: '/stream/{rest...}' }, subject: `${SUBJECT}.stream`, body: 'stream' },
        { name: 'whole', match: { path: '/whole/{rest...}' }, subject: `${SUBJECT}.whole` },
        { name: 'many', match: { path: '/many/{rest...}' }, subject: `${SUBJECT}.many`, reply: 'many' },
      ],
    })
    await backend.handle(`${SUBJECT}.stream`, (stream, open) => {
      const path = open.headers[open.headers.indexOf('sx-path') + 1]!
      received.push(path)
      const end = () => {
        const { head, chunks } = ANSWERS[decodeURIComponent(path.split('/')[2]!)]!
        stream.head(head)
        for (const chunk of chunks) stream.data(Buffer.from(chunk))
        stream.end()
      }
      stream.accept(1, 64 * 1024)
      if (!open.more) end()
      return { end }
    })
    nats.subscribe(`${SUBJECT}.*`, {
      callback(_error, message) {
        if (message.subject.endsWith('stream')) return
        const path = message.headers!.get('Sx-Path')
        received.push(path)
        const { head, chunks } = ANSWERS[decodeURIComponent(path.split('/')[2]!)]!
        const fields = headers()
        fields.set('Sx-Status', String(head.status))
        if (path.startsWith('/many')) {
          for (const chunk of chunks.length > 0 ? chunks : ['a'])
            message.respond(Buffer.from(chunk), { headers: fields })
          message.respond()
        } else message.respond(chunks.join(''), { headers: fields })
      },
    })
    await nats.flush()
  })
  after(async () => {
    await gateway.assertIdle()
    await gateway.close()
    await backend.close()
    await nats.close()
  })

  for (const bodies of ['stream', 'whole', 'many']) {
    for (const [name, { method = 'POST', body }] of Object.entries(ANSWERS)) {
      if (bodies === 'many' && name.includes('content')) continue
      const path = `/${bodies}/${encodeURIComponent(name)}`
      const request = (own: string) =>
        `${method} ${path}/${own} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n!\r\n0\r\n\r\n`

      test(`${name}, ${bodies}: what comes behind it closes the connection`, { timeout: WITHIN_MS }, async () => {
        const raw = await openRaw(gateway.port)
        raw.write(request('first'))
        const head = await raw.until(/^HTTP[\s\S]*?\r\n\r\n/)
        assert.match(head, /\r\nconnection: close\r\n/i)
        raw.write(`GET ${path}/behind HTTP/1.1\r\nHost: a\r\n\r\n`)
        await raw.closed()
        assert.deepEqual(
          received.filter((one) => one.startsWith(`${path}/`) && !one.endsWith('alone')),
          [`${path}/first`],
        )
      })

      test(`${name}, ${bodies}: it is whole, and the connection is closed`, { timeout: WITHIN_MS }, async () => {
        const raw = await openRaw(gateway.port)
        raw.write(request('alone'))
        const text = await raw.closed()
        if (bodies === 'stream') assert.match(text.slice(text.indexOf('\r\n\r\n') + 4), body)
      })
    }
  }
})
