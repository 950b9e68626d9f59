/** The Python backend against a real nats-server; the router's side is scripted, so that it can be slow or break off. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connect, createInbox, Empty, ErrorCode, type NatsConnection } from 'nats'
import { Child } from '../../src/dev/child.ts'
import { ExchangeError } from '../../src/exchange/errors.ts'
import { eventually } from '../support/eventually.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { startNats, type TestNats } from '../support/nats.ts'
import { RouterEnd } from './router-end.ts'

const directory = join(import.meta.dirname, '../../examples/backends/python')
const WINDOW_BYTES = 256 * 1024
const BODY_BYTES = 10 * 1024 * 1024
const PYTHON_START_MS = 20_000

const missing = spawnSync('python3', ['--version']).status === 0 ? false : 'python3 is not installed'

describe('the Python backend', { skip: missing }, () => {
  let server: TestNats
  let nats: NatsConnection
  const children: Child[] = []

  before(async () => {
    server = await startNats()
    nats = await connect({ servers: server.url })
  })

  after(async () => {
    await nats.close()
    for (const child of children) await child.stop()
    await server.stop()
  })

  async function start(...args: string[]): Promise<Child> {
    const child = new Child({
      name: 'backend.py',
      command: 'python3',
      args: [join(directory, 'backend.py'), ...args, '--nats', server.url],
    })
    children.push(child)
    await child.waitForLine(/^ready$/, PYTHON_START_MS)
    return child
  }

  test('takes the vectors of the protocol', () => {
    const vectors = join(import.meta.dirname, '../../docs/vectors')
    const run = spawnSync('python3', ['-B', join(directory, 'vectors.py'), vectors], {
      encoding: 'utf8',
      timeout: 60_000,
    })
    assert.equal(run.status, 0, run.stdout + run.stderr)
  })

  test('answers as a plain responder', async () => {
    await start('plain', 'plain.echo')
    const reply = await nats.request('plain.echo', 'hello')
    assert.equal(reply.string(), 'hello')
  })

  describe('streams', () => {
    before(() => start('sx', 'sx'))

    test('echoes both ways at once, the beginning of the body in the OPEN included', async () => {
      const end = new RouterEnd(nats, 'sx.echo', { more: true, payload: Buffer.from('first ') })
      await end.until(() => end.text === 'first ')
      assert.equal(end.status, 200)
      for (const word of ['second ', 'third']) {
        const before = end.text
        await end.write(Buffer.from(word))
        await end.until(() => end.text === before + word)
      }
      end.end()
      await end.ended()
      assert.equal(end.text, 'first second third')
    })

    test('takes an upload of 10 MiB', async () => {
      const body = randomBytes(BODY_BYTES)
      const end = new RouterEnd(nats, 'sx.upload', { more: true })
      for (let at = 0; at < body.length; at += 100_000) await end.write(body.subarray(at, at + 100_000))
      end.end()
      await end.ended()
      assert.equal(end.text, `${BODY_BYTES} ${createHash('sha256').update(body).digest('hex')}\n`)
    })

    test('sends a download of 10 MiB', async () => {
      const end = new RouterEnd(nats, 'sx.download', { query: `bytes=${BODY_BYTES}` })
      await end.ended()
      assert.ok(end.received().equals(numbers(BODY_BYTES)))
    })

    test('sends no more than the window to a client that does not read, and the rest when it does', async () => {
      const end = new RouterEnd(nats, 'sx.download', { query: `bytes=${BODY_BYTES}`, windowBytes: WINDOW_BYTES })
      end.pause()
      // A sender that has nothing left to send on asks for credit: now it waits.
      await end.until(() => end.frames.includes('ping'))
      assert.ok(end.arrivedBytes <= WINDOW_BYTES, `${end.arrivedBytes} bytes came`)
      assert.ok(end.arrivedBytes > WINDOW_BYTES / 2, `${end.arrivedBytes} bytes came`)
      end.resume()
      await end.ended()
      assert.ok(end.received().equals(numbers(BODY_BYTES)))
    })

    test('lets go of an exchange that is reset', async () => {
      const end = new RouterEnd(nats, 'sx.download', { query: `bytes=${BODY_BYTES * 100}` })
      await end.until(() => end.arrivedBytes > WINDOW_BYTES)
      end.stream!.reset(new ExchangeError('client_gone', 'the test leaves'))
      // It says so to whoever still writes to it.
      const inbox = createInbox()
      const answers: string[] = []
      const subscription = nats.subscribe(inbox, {
        callback: (_error, message) => answers.push(message.headers?.get('Sx') ?? ''),
      })
      await eventually('a reset of a late frame', () => {
        end.publishRaw('ping 0', { reply: inbox })
        return answers.includes('reset -')
      })
      subscription.unsubscribe()
    })

    test('resets on a gap', async () => {
      const end = new RouterEnd(nats, 'sx.echo', { more: true })
      await end.until(() => end.stream !== undefined)
      end.publishRaw('data 2')
      await end.until(() => end.error !== undefined)
      assert.equal(end.error?.code, 'gap')
    })
  })

  describe('behind the router', () => {
    let gateway: Gateway

    before(async () => {
      await start('sx', 'http')
      gateway = await startGateway({
        natsUrl: server.url,
        routes: ['echo', 'upload', 'download'].map((name) => ({
          name,
          match: { path: `/${name}` },
          subject: `http.${name}`,
          body: 'stream',
          limits: { bodyBytes: '64MiB' },
        })),
      })
    })

    after(() => gateway.close())

    test('streams bodies over HTTP in both directions', async () => {
      const body = randomBytes(BODY_BYTES)
      const uploaded = await fetch(`${gateway.url}/upload`, { method: 'POST', body })
      assert.equal(await uploaded.text(), `${BODY_BYTES} ${createHash('sha256').update(body).digest('hex')}\n`)
      const downloaded = await fetch(`${gateway.url}/download?bytes=${BODY_BYTES}`)
      assert.ok(Buffer.from(await downloaded.arrayBuffer()).equals(numbers(BODY_BYTES)))
      const echoed = await fetch(`${gateway.url}/echo`, { method: 'POST', body: 'small' })
      assert.equal(await echoed.text(), 'small')
      await gateway.assertIdle()
    })

    test('stops when the client leaves', async () => {
      const abort = new AbortController()
      const response = await fetch(`${gateway.url}/download?bytes=${BODY_BYTES * 100}`, { signal: abort.signal })
      const reader = response.body!.getReader()
      await reader.read()
      abort.abort()
      await assert.rejects(reader.closed)
      await gateway.assertIdle()
      assert.equal(gateway.ended.at(-1)?.code, 'client_gone')
    })
  })

  test('finishes what is under way when it is asked to end, and takes nothing new', async () => {
    const child = await start('sx', 'drain')
    const end = new RouterEnd(nats, 'drain.echo', { more: true })
    await end.write(Buffer.from('before '))
    await end.until(() => end.text === 'before ')
    child.signal('SIGTERM')
    await eventually('nobody listens any more', async () => {
      const asked = await nats.request('drain.echo', Empty, { timeout: 1000 }).catch((error: unknown) => error)
      return asked instanceof Error && 'code' in asked && asked.code === ErrorCode.NoResponders
    })
    await end.write(Buffer.from('after'))
    end.end()
    await end.ended()
    assert.equal(end.text, 'before after')
    const exit = await child.exited
    assert.equal(exit.code, 0, child.describe(exit))
  })

  test('ends with an error when NATS is gone', async () => {
    const own = await startNats()
    const child = new Child({
      name: 'backend.py',
      command: 'python3',
      args: [join(directory, 'backend.py'), 'sx', 'gone', '--nats', own.url],
    })
    children.push(child)
    await child.waitForLine(/^ready$/, PYTHON_START_MS)
    await own.kill()
    const exit = await child.exited
    assert.equal(exit.code, 1, child.describe(exit))
  })
})

/** What `download` streams: the numbers from 0 on, four bytes each, big-endian. */
function numbers(bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes)
  for (let at = 0; at + 4 <= bytes; at += 4) buffer.writeUInt32BE(at / 4, at)
  return buffer
}
