import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { BackendSide, ClientSide, RequestHead } from '../../../src/exchange/exchange.ts'
import { eventually } from '../../support/eventually.ts'
import { openRaw } from '../../support/raw-http.ts'
import { startHttp } from './start-http.ts'

const PIECE = new Uint8Array(10_000).fill(0x78)
const CHUNKED = 'Transfer-Encoding: chunked\r\n\r\n1\r\n!\r\n0\r\n\r\n'
const SIZED = 'Content-Length: 1\r\n\r\n!'

/** What a test does for the backend's side; the rest does nothing. */
const backend = (side: Partial<BackendSide>): BackendSide => ({
  data: () => true,
  end() {},
  reset() {},
  drained() {},
  ...side,
})

/** In a turn of its own, as a reply of NATS comes. */
const later = (act: () => void) => void setImmediate(act)

/** Answers in pieces, as many as it may before it is told to wait, or so many. */
function sendPieces(client: ClientSide, pieces: number, length: number): { readonly sent: number } {
  const progress = { sent: 0 }
  client.head({ status: 200, headers: [], length, messages: false })
  while (progress.sent < pieces) {
    progress.sent++
    if (!client.data(PIECE)) return progress
  }
  client.end()
  return progress
}

describe('an answer that its client does not read at first', () => {
  for (const [what, request] of [
    ['a chunked request', CHUNKED],
    ['another one', SIZED],
  ] as const) {
    for (const isSized of [false, true]) {
      test(`comes whole ${isSized ? 'with its length' : 'in chunks'}, after ${what}`, async (t) => {
        let most = 0
        const port = await startHttp(t, ({ path }, client) => {
          const pieces = path === '/fill' ? Number.POSITIVE_INFINITY : most - 1
          const length = !isSized ? -1 : path === '/fill' ? 1e9 : pieces * PIECE.length
          return backend({
            end: () =>
              later(() => {
                const { sent } = sendPieces(client, pieces, length)
                if (path === '/fill') most = sent
                else isEnded = true
              }),
          })
        })
        let isEnded = false
        const post = async (path: string) => {
          const raw = await openRaw(port)
          raw.socket.pause()
          raw.write(`POST ${path} HTTP/1.1\r\nHost: a\r\n${request}`)
          return raw
        }
        const first = await post('/fill')
        await eventually('the socket is full', () => most > 0)
        first.destroy()
        // The last of these is what overfills the socket, of which nobody is told.
        const second = await post('/whole')
        await eventually('all is handed over', () => isEnded)
        second.socket.resume()
        const bytes = (most - 1) * PIECE.length
        if (isSized) await eventually('the end', () => second.text().length > bytes)
        else await second.until(/\r\n0\r\n(x-last: \r\n)?\r\n$/)
        assert.equal(second.text().split('x-last')[0]!.replace(/[^x]/g, '').length >= bytes, true)
        second.destroy()
      })
    }
  }

  test('is the last on its connection after a chunked request, also where the socket is full', async (t) => {
    const asked: string[] = []
    const port = await startHttp(t, ({ path }: RequestHead, client) => {
      asked.push(path)
      const body = new Uint8Array(path === '/large' ? 4_160_000 : 60_000)
      const answer = () => {
        client.head({ status: 200, headers: [], length: body.length, messages: false })
        client.data(body)
        client.end()
        answered.push(path)
      }
      return backend({ end: () => later(answer) })
    })
    const answered: string[] = []
    const raw = await openRaw(port)
    raw.socket.pause()
    const ask = async (head: string, path: string) => {
      raw.write(head)
      await eventually(path, () => answered.includes(path))
    }
    await ask('GET /large HTTP/1.1\r\nHost: a\r\n\r\n', '/large')
    await ask('GET /small HTTP/1.1\r\nHost: a\r\n\r\n', '/small')
    await ask(`POST /chunked HTTP/1.1\r\nHost: a\r\n${CHUNKED}`, '/chunked')
    raw.write('GET /behind HTTP/1.1\r\nHost: a\r\n\r\n')
    raw.socket.resume()
    await raw.closed()
    assert.deepEqual(asked, ['/large', '/small', '/chunked'])
  })

  test('leaves the connection for the next request, though more of the body comes than its backend takes', async (t) => {
    let got = 0
    const port = await startHttp(t, ({ path }, client) => {
      const answer = (body: Uint8Array) => {
        client.head({ status: 200, headers: [], length: body.length, messages: false })
        client.data(body)
        client.end()
      }
      if (path === '/next') return backend({ end: () => later(() => answer(Buffer.from('next'))) })
      return backend({
        data(chunk) {
          if (got === 0) answer(new Uint8Array(6_000_000))
          got += chunk.length
          return false
        },
      })
    })
    const raw = await openRaw(port)
    raw.socket.pause()
    raw.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n${'a'.repeat(1000)}`)
    await eventually('it is answered', () => got === 1000)
    raw.write('b'.repeat(500))
    await eventually('more of it comes', () => got >= 1500)
    raw.socket.resume()
    await eventually('the answer', () => raw.text().length > 6_000_000)
    raw.write(`${'b'.repeat(500)}GET /next HTTP/1.1\r\nHost: a\r\n\r\n`)
    await eventually('the next answer', () => raw.text().endsWith('\r\n\r\nnext'))
    raw.destroy()
  })
})
