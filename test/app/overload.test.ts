import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, type Msg } from 'nats'
import { eventually } from '../support/eventually.ts'
import { natsUrl } from '../support/nats.ts'
import { startTestApp } from './start-test-app.ts'

test('one exchange more than limits.exchanges is refused with busy, until another is over', async (t) => {
  const subject = `t${process.pid}overload`
  const routes = [{ name: 'slow', match: { path: '/slow' }, subject }]
  const { url } = await startTestApp(t, routes, [], undefined, { exchanges: 1 })
  const nats = await connect({ servers: await natsUrl() })
  t.after(() => nats.close())
  const requests: Msg[] = []
  const { promise: asked, resolve: onAsked } = Promise.withResolvers<void>()
  nats.subscribe(subject, {
    callback(_error, message) {
      requests.push(message)
      onAsked()
    },
  })
  await nats.flush()

  const first = fetch(`${url}/slow`)
  await asked
  const second = await fetch(`${url}/slow`)
  assert.deepEqual([second.status, second.headers.get('retry-after')], [503, '1'])
  assert.equal(((await second.json()) as { code: string }).code, 'busy')
  requests[0]!.respond('done')
  assert.equal(await (await first).text(), 'done')

  const third = fetch(`${url}/slow`)
  await eventually('the third request', () => requests.length === 2)
  requests[1]!.respond('again')
  assert.equal(await (await third).text(), 'again')
})
