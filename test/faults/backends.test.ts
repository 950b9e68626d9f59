import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { headers, type Msg } from 'nats'
import { eventually } from '../support/eventually.ts'
import { openDuplex } from './duplex-request.ts'
import { AT_ONCE_MS, type Stage, startStage, TIMEOUT_MS } from './stage.ts'

/** A responder in this process that does with each request what the test says. */
async function respond(t: TestContext, { client }: Stage, subject: string, callback: (message: Msg) => void) {
  const subscription = client.subscribe(subject, { callback: (_error, message) => callback(message) })
  t.after(() => subscription.unsubscribe())
  await client.flush()
}

function isLate(answer: { readonly status: number; readonly code: string | undefined; readonly tookMs: number }) {
  assert.equal(`${answer.status} ${answer.code}`, '504 timeout')
  assert.ok(answer.tookMs >= TIMEOUT_MS * 0.9 && answer.tookMs < TIMEOUT_MS + AT_ONCE_MS, `after ${answer.tookMs} ms`)
}

test('a plain backend', async (t) => {
  const stage = await startStage(t)
  await t.test(
    'that is silent: 504 when its time is up, and its reply after that is dropped and counted',
    async (t) => {
      let asked: Msg | undefined
      await respond(t, stage, 'plain', (message) => (asked = message))
      isLate(await stage.ask('/plain'))
      asked!.respond('too late')
      await eventually('it is counted', async () => (await stage.metric('engine_router_late_messages_total')) === 1)
      assert.equal(await stage.counted('plain', 'timeout'), 1)
      assert.ok(stage.router.logged('warn').some((line) => line.includes('no reply within')))
      await stage.assertCalm()
    },
  )

  await t.test('that is slow: its answer comes, if it is in time', async (t) => {
    // Whatever takes a backend so long.
    await respond(t, stage, 'plain', (message) => void delay(TIMEOUT_MS / 2).then(() => message.respond('slow')))
    assert.equal((await stage.ask('/plain')).text, 'slow')
    await stage.assertCalm()
  })

  await t.test('that replies twice: the first reply is the answer, and that of no other request', async (t) => {
    let next = 0
    const lateBefore = await stage.metric('engine_router_late_messages_total')
    await respond(t, stage, 'plain', (message) => {
      message.respond(`answer ${next}`)
      message.respond(`again ${next++}`)
    })
    for (let i = 0; i < 20; i++) assert.equal((await stage.ask('/plain')).text, `answer ${i}`)
    await eventually(
      'all are counted',
      async () => (await stage.metric('engine_router_late_messages_total')) === lateBefore + 20,
    )
    await stage.assertCalm()
  })

  await t.test('that replies garbage: 502, or bytes as they are, and the router goes on', async (t) => {
    const broken = (sx: string) => (message: Msg) => {
      const fields = headers()
      fields.set('Sx', sx)
      message.respond('\0\xff', { headers: fields })
    }
    const replies: [(message: Msg) => void, string][] = [
      [broken('head x'), '502 protocol_error'],
      [broken('data 1'), '502 protocol_error'],
      [broken('head 99999999999999999999'), '502 protocol_error'],
      // No reply subject, so that nobody could be answered.
      [broken('accept 1'), '502 protocol_error'],
      [(message) => message.respond(Buffer.from([0, 1, 255])), '200 undefined'],
    ]
    let reply = replies[0]![0]
    await respond(t, stage, 'plain', (message) => reply(message))
    for (const [next, wanted] of replies) {
      reply = next
      const { status, code } = await stage.ask('/plain')
      assert.equal(`${status} ${code}`, wanted)
    }
    assert.equal(await stage.counted('plain', 'protocol_error'), 4)
    await stage.assertCalm()
  })

  await t.test('that stops in the middle of many replies: the response is cut, never whole', async (t) => {
    await respond(t, stage, 'many', (message) => message.respond('first'))
    const response = await fetch(`${stage.router.url}/many`, { signal: AbortSignal.timeout(60_000) })
    await stage.nats.kill()
    await assert.rejects(response.text())
    assert.equal(await stage.counted('many', 'gap'), 1)
    await stage.assertCalm()
  })
})

test('a backend in a process of its own', async (t) => {
  const stage = await startStage(t)
  await t.test('killed: a stream is cut with the next message to it, a new request gets 503 at once', async (t) => {
    const backend = await stage.startBackend(t)
    const open = await openDuplex(t, `${stage.router.url}/sx/echo`, 'before ')
    backend.signalGroup('SIGKILL')
    await backend.exited
    // The first thing that is sent after it finds nobody there.
    open.request.write('is anybody there?')
    assert.equal(await open.over, 'cut')
    const { status, code, tookMs } = await stage.ask('/sx/upload', { method: 'POST', body: 'x' })
    assert.equal(`${status} ${code}`, '503 no_responders')
    assert.ok(tookMs < AT_ONCE_MS)
    assert.equal(await stage.counted('stream', 'backend_lost'), 1)
    assert.ok(stage.router.log().some((line) => line.code === 'backend_lost' && line.level === 'warn'))
    await stage.assertCalm()
    await stage.startBackend(t)
    assert.equal((await stage.ask('/sx/upload', { method: 'POST', body: 'x' })).status, 200)
  })

  await t.test('killed under load: each request gets its answer, 502, 503, or 504 when its time is up', async (t) => {
    const backend = await stage.startBackend(t)
    const ask = () => stage.ask('/sx/upload', { method: 'POST', body: 'x' })
    const seen = new Map<string, number>()
    let killed = false
    // Sent when the process was gone, and still taken by nats-server for it.
    let lateMoment = 0
    const askOnAndOn = async () => {
      for (;;) {
        const afterwards = killed
        const { status, code, tookMs } = await ask()
        const key = `${status} ${code ?? ''}`
        seen.set(key, (seen.get(key) ?? 0) + 1)
        assert.ok(tookMs < TIMEOUT_MS + 2 * AT_ONCE_MS, `${key} after ${tookMs} ms`)
        if (afterwards && code === 'timeout') lateMoment++
        if (afterwards && code === 'no_responders') return
      }
    }
    const all = Promise.all(Array.from({ length: 20 }, askOnAndOn))
    await eventually('load', () => (seen.get('200 ') ?? 0) > 100)
    backend.signalGroup('SIGKILL')
    await backend.exited
    killed = true
    await all
    t.diagnostic(`${JSON.stringify(Object.fromEntries(seen))}, ${lateMoment} of the 504 sent after its end`)
    const wanted = ['200 ', '502 backend_lost', '503 no_responders', '504 timeout']
    assert.deepEqual(
      [...seen.keys()].filter((key) => !wanted.includes(key)),
      [],
    )
    await stage.assertCalm()
  })

  await t.test(
    'frozen: 504, streams wait; when it runs again they go on, and what was given up is released',
    async (t) => {
      const backend = await stage.startBackend(t)
      const open = await openDuplex(t, `${stage.router.url}/sx/echo`, 'before ')
      backend.signalGroup('SIGSTOP')
      isLate(await stage.ask('/sx/upload', { method: 'POST', body: 'x' }))
      open.request.write('meanwhile ')
      backend.signalGroup('SIGCONT')
      await open.echo('after')
      open.request.end()
      assert.equal(await open.over, 'whole')
      assert.equal(open.text(), 'before meanwhile after')
      await stage.assertCalm()
      // Its accept came late and was answered with a reset.
      await eventually('the backend has none open', async () => {
        const { data } = await stage.client.request('sx.open', '', { timeout: 1000 })
        return Buffer.from(data).toString() === '0'
      })
    },
  )

  await t.test('that fails in the middle of a response: the response is cut', async (t) => {
    await stage.startBackend(t)
    const response = await fetch(`${stage.router.url}/sx/fail`, { method: 'POST', body: 'x' })
    assert.equal(response.status, 200)
    await assert.rejects(response.text())
    assert.equal(await stage.counted('stream', 'backend_error'), 1)
    await stage.assertCalm()
  })
})
