/** The example backends against a real nats-server; the router's side is scripted, so that it can be slow or break off. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { connect, createInbox, Empty, ErrorCode, type NatsConnection } from 'nats'
import type { Child } from '../../src/dev/child.ts'
import { ExchangeError } from '../../src/exchange/errors.ts'
import { numbers } from '../conformance/numbers.ts'
import { type BackendProgram, backendPrograms } from '../support/backend-programs.ts'
import { eventually } from '../support/eventually.ts'
import { startNats, type TestNats } from '../support/nats.ts'
import { RouterEnd } from './router-end.ts'

const WINDOW_BYTES = 256 * 1024
const BODY_BYTES = 10 * 1024 * 1024
const RESTART_MS = 10_000

for (const program of backendPrograms) {
  describe(`a backend: ${program.name}`, { skip: program.missing() }, () => testBackend(program))
}

function testBackend(program: BackendProgram): void {
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
    const child = await program.start(server.url, ...args)
    children.push(child)
    return child
  }

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
      assert.ok(end.received().equals(numbers(0, BODY_BYTES)))
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
      assert.ok(end.received().equals(numbers(0, BODY_BYTES)))
    })

    test('lets go of an exchange that is reset', async () => {
      const end = new RouterEnd(nats, 'sx.download', { query: `bytes=${BODY_BYTES * 100}` })
      await end.until(() => end.arrivedBytes > WINDOW_BYTES)
      assert.equal((await nats.request('sx.open')).string(), '1')
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
      await eventually('it is over', async () => (await nats.request('sx.open')).string() === '0')
    })

    test('resets on a gap', async () => {
      const end = new RouterEnd(nats, 'sx.echo', { more: true })
      await end.until(() => end.stream !== undefined)
      end.publishRaw('data 2')
      await end.until(() => end.error !== undefined)
      assert.equal(end.error?.code, 'gap')
    })

    test('resets where its handler fails', async () => {
      const end = new RouterEnd(nats, 'sx.fail', { query: 'bytes=10' })
      await end.until(() => end.error !== undefined)
      assert.equal(end.error?.code, 'backend_error')
      assert.equal(end.received().length, 10)
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

  test(`${program.reconnects ? 'listens again' : 'ends with an error'} when NATS was gone`, async () => {
    const own = await startNats()
    const child = await program.start(own.url, 'sx', 'gone')
    children.push(child)
    await own.kill()
    if (!program.reconnects) {
      const exit = await child.exited
      assert.equal(exit.code, 1, child.describe(exit))
      return
    }
    const next = await startNats({ port: own.port })
    const back = await connect({ servers: next.url })
    await eventually('it is back', () => back.request('gone.open', Empty, { timeout: 1000 }), { timeoutMs: RESTART_MS })
    const end = new RouterEnd(back, 'gone.echo', { payload: Buffer.from('again') })
    await end.ended()
    assert.equal(end.text, 'again')
    await back.close()
    await next.stop()
  })
}
