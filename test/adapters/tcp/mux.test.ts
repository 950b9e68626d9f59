import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import { BinaryFrameDecoder } from '../../../src/adapters/framing/binary-frame-decoder.ts'
import { encodeBinaryFrame } from '../../../src/adapters/framing/binary-frames.ts'
import { decodeJsonFrame } from '../../../src/adapters/framing/json-frames.ts'
import type { MuxFrame } from '../../../src/adapters/framing/mux-frame.ts'
import { eventually } from '../../support/eventually.ts'
import { needs } from '../../support/needs.ts'
import { startMuxTcp, type TestTcp } from './start-tcp.ts'
import { connectTcp, type TcpClient } from './tcp-client.ts'

const noPython = needs(spawnSync('python3', ['--version']).status === 0, 'python3 is not here')

/** Plain responders: `one` echoes, `late` answers when it is told to, `large` sends many megabytes. */
async function start(t: TestContext): Promise<TestTcp & { answerLate(): void }> {
  const prefix = `mux${process.pid}.${Math.random().toString(36).slice(2)}`
  const tcp = await startMuxTcp(t, [
    { name: 'one', match: { path: '/one/{name}' }, subject: `${prefix}.one.{name}` },
    { name: 'late', match: { path: '/late' }, subject: `${prefix}.late` },
    { name: 'large', match: { path: '/large' }, subject: `${prefix}.large` },
  ])
  const { nats } = tcp.backend
  let late = () => {}
  nats.subscribe(`${prefix}.one.*`, {
    callback: (_error, message) => void message.respond(`hello ${message.subject.split('.').at(-1)}`),
  })
  nats.subscribe(`${prefix}.late`, {
    callback: (_error, message) => {
      late = () => void message.respond('at last')
    },
  })
  await tcp.backend.handle(`${prefix}.large`, (stream) => {
    stream.accept(1, 64 * 1024)
    stream.head({ status: 200, headers: [] })
    const chunk = Buffer.alloc(64 * 1024, 'x')
    let left = 1000
    const send = () => {
      while (left-- > 0) if (!stream.data(chunk)) return
      stream.end()
    }
    send()
    return { drained: send }
  })
  await nats.flush()
  return { ...tcp, answerLate: () => late() }
}

function frames(client: TcpClient): MuxFrame[] {
  return client.received().toString().split('\n').slice(0, -1).map(decodeJsonFrame)
}

describe('a mux TCP connection', () => {
  test('answers requests of JSON a line, and closes after the last one once the client has sent all', async (t) => {
    const tcp = await start(t)
    const client = connectTcp(t, tcp.port)
    client.socket.write('{"t":"open","id":1,"path":"/one/a"}\n{"t":"open",')
    await eventually('the first answer', () => frames(client).length === 1)
    // The last line without its end, as of printf.
    client.socket.end('"id":2,"path":"/one/b"}\r\n{"t":"open","id":3,"path":"/late"}')
    await eventually('the second answer', () => frames(client).length === 2)
    await eventually('the last request', () => {
      tcp.answerLate()
      return frames(client).length === 3
    })
    assert.equal(await client.outcome, 'end')
    assert.deepEqual(
      frames(client).map((frame) => frame.t === 'head' && [frame.id, frame.status, frame.body, frame.end]),
      [
        [1, 200, 'hello a', true],
        [2, 200, 'hello b', true],
        [3, 200, 'at last', true],
      ],
    )
    await tcp.assertIdle()
    assert.deepEqual(
      tcp.ended.map(({ route, code }) => [route, code]),
      [
        ['one', 'ok'],
        ['one', 'ok'],
        ['late', 'ok'],
      ],
    )
  })

  test('speaks binary frames after SX1, wherever the bytes are split', async (t) => {
    const tcp = await start(t)
    const bytes = Buffer.concat([Buffer.from('SX1\n'), encodeBinaryFrame({ t: 'open', id: 1, path: '/one/b' })])
    for (const cut of [1, 3, 4, 5, bytes.length - 1]) {
      const client = connectTcp(t, tcp.port)
      client.socket.write(bytes.subarray(0, cut))
      await eventually('the first piece is in', () => tcp.adapter.connections === 1)
      client.socket.end(bytes.subarray(cut))
      assert.equal(await client.outcome, 'end')
      const answers: MuxFrame[] = []
      new BinaryFrameDecoder((frame) => answers.push(frame)).push(client.received())
      assert.equal(answers.length, 1)
      assert.partialDeepStrictEqual(answers[0], { t: 'head', id: 1, status: 200, end: true })
      await tcp.assertIdle()
    }
  })

  test('tells a client that speaks anything else, in one line, and closes', async (t) => {
    const tcp = await start(t)
    for (const text of ['GET / HTTP/1.1\r\nhost: x\r\n\r\n', 'SX2\n', 'S!', '\n', ' {}']) {
      const client = connectTcp(t, tcp.port)
      client.socket.write(text)
      assert.equal(await client.outcome, 'end')
      const [goaway, ...others] = frames(client)
      assert.partialDeepStrictEqual(goaway, { t: 'goaway', lastId: 0, grace: 0, code: 'bad_request' })
      assert.equal(others.length, 0)
      client.socket.end()
      await tcp.assertIdle()
    }
  })

  test('closes with the client that says nothing at all', async (t) => {
    const tcp = await start(t)
    const client = connectTcp(t, tcp.port)
    client.socket.end()
    assert.equal(await client.outcome, 'end')
    await tcp.assertIdle()
  })

  test('a broken line ends the connection with the reason, and all that was under way on it', async (t) => {
    const tcp = await start(t)
    const client = connectTcp(t, tcp.port)
    client.socket.write('{"t":"open","id":1,"path":"/late"}\n')
    await eventually('it is under way', () => tcp.transport.size === 1)
    client.socket.write('{"t":\n')
    assert.equal(await client.outcome, 'end')
    assert.partialDeepStrictEqual(frames(client).at(-1), { t: 'goaway', code: 'bad_request' })
    client.socket.end()
    await tcp.assertIdle()
    assert.equal(tcp.ended[0]!.code, 'client_gone')
  })

  test('a client that is cut off leaves nothing behind', async (t) => {
    const tcp = await start(t)
    const client = connectTcp(t, tcp.port)
    client.socket.write('{"t":"open","id":1,"path":"/late"}\n{"t":"open","id":2,"path":"/large"}\n')
    await eventually('both are under way', () => tcp.transport.size === 2)
    client.socket.resetAndDestroy()
    await tcp.assertIdle()
    assert.deepEqual(
      tcp.ended.map(({ code }) => code),
      ['client_gone', 'client_gone'],
    )
  })

  test('holds little for a client that does not read, and sends all of it to one that then does', async (t) => {
    const tcp = await start(t)
    const client = connectTcp(t, tcp.port)
    client.socket.pause()
    client.socket.end('{"t":"open","id":1,"path":"/large"}\n')
    await eventually('it is under way', () => tcp.backend.open === 1)
    const before = process.memoryUsage().arrayBuffers
    await eventually(
      'the sender stands still',
      settled(() => tcp.backend.nats.stats().outBytes),
    )
    const growth = process.memoryUsage().arrayBuffers - before
    assert.ok(growth < 16 * 1024 * 1024, `${growth} bytes more are held`)
    assert.ok(tcp.backend.nats.stats().outBytes < 32 * 1024 * 1024)
    client.socket.resume()
    assert.equal(await client.outcome, 'end')
    const bytes = frames(client).reduce((sum, frame) => sum + ('body' in frame ? (frame.body?.length ?? 0) : 0), 0)
    assert.equal(bytes, 1000 * 64 * 1024)
    await tcp.assertIdle()
  })

  test('stops reading a client that sends pings and reads no pongs', async (t) => {
    const tcp = await start(t)
    const client = connectTcp(t, tcp.port)
    client.socket.pause()
    const ping = encodeBinaryFrame({ t: 'ping' })
    const pings = Buffer.concat(Array.from({ length: 10_000 }, () => ping))
    const before = process.memoryUsage().arrayBuffers
    client.socket.write('SX1\n')
    for (let i = 0; i < 250; i++) client.socket.write(pings)
    await eventually(
      'it is not read',
      settled(() => client.socket.writableLength),
      { timeoutMs: 20_000 },
    )
    assert.ok(client.socket.writableLength > 0, 'all of it was read')
    const growth = process.memoryUsage().arrayBuffers - before
    assert.ok(growth < 16 * 1024 * 1024, `${growth} bytes more are held`)
    client.socket.resume()
    client.socket.end()
    assert.equal(await client.outcome, 'end')
    assert.equal(client.received().length, 250 * pings.length)
  })

  test('is told to go when the listener drains, and closes with its last exchange', async (t) => {
    const tcp = await start(t)
    const silent = connectTcp(t, tcp.port)
    const client = connectTcp(t, tcp.port)
    client.socket.write('{"t":"open","id":1,"path":"/late"}\n')
    await eventually('it is under way', () => tcp.transport.size === 1 && tcp.adapter.connections === 2)
    const drained = tcp.adapter.drain(10_000)
    assert.equal(await silent.outcome, 'end')
    silent.socket.end()
    await eventually('goaway', () => frames(client)[0]?.t === 'goaway')
    await eventually('the answer', () => {
      tcp.answerLate()
      return frames(client).length === 2
    })
    assert.equal(await client.outcome, 'end')
    client.socket.end()
    await drained
    const [goaway, head] = frames(client)
    assert.partialDeepStrictEqual(goaway, { t: 'goaway', lastId: 1 })
    assert.ok(goaway?.t === 'goaway' && goaway.grace > 5_000 && goaway.grace <= 10_000)
    assert.partialDeepStrictEqual(head, { t: 'head', id: 1, status: 200 })
  })

  test('is told to go in its turn where there are many', async (t) => {
    const tcp = await start(t)
    const clients = Array.from({ length: 60 }, () => connectTcp(t, tcp.port))
    for (const { socket } of clients) socket.write('{"t":"ping"}\n')
    await eventually('all are there', () => clients.every((client) => frames(client).length === 1))
    for (const { socket } of clients) socket.once('end', () => socket.end())
    const told = () => clients.filter((client) => frames(client)[1]?.t === 'goaway').length
    const drained = tcp.adapter.drain(4000)
    await eventually('the first to go', () => told() > 0)
    assert.ok(told() < clients.length, 'all were told at once')
    await eventually('all of them', () => told() === clients.length)
    await drained
  })

  test('is of use to a few lines of Python', { skip: noPython }, async (t) => {
    const tcp = await start(t)
    const program = `
import json, socket
s = socket.create_connection(('127.0.0.1', ${tcp.port}))
s.sendall(b'{"t":"open","id":1,"path":"/one/python"}\\n')
print(json.loads(s.makefile().readline())['body'])`
    const python = spawn('python3', ['-c', program], { stdio: 'pipe' })
    let output = ''
    for (const stream of [python.stdout, python.stderr]) stream.on('data', (chunk) => (output += chunk))
    await once(python, 'close')
    assert.equal(output, 'hello python\n')
    await tcp.assertIdle()
  })
})

/** Whether a number is the same as 200 ms ago. */
function settled(read: () => number): () => boolean {
  let last = -1
  let since = Date.now()
  return () => {
    const value = read()
    if (value !== last) since = Date.now()
    last = value
    return Date.now() - since > 200
  }
}
