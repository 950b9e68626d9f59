import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from 'nats'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { openRaw } from '../support/raw-http.ts'

const PIECE = 'y'.repeat(50_000)

for (const [whose, options, limit] of [
  ['one connection', { maxBufferedBytesPerConnection: 100_000 }, 'buffered_bytes_per_connection'],
  ['one address', { maxBufferedBytesPerAddress: 100_000 }, 'buffered_bytes_per_ip'],
] as const) {
  test(`bytes that wait of ${whose} are as many as those may be, and others have their own`, async (t) => {
    const url = await natsUrl()
    const subject = `limits.shares.${process.pid}.${limit}`
    const nats = await connect({ servers: url })
    nats.subscribe(subject, { callback: (_error, message) => void message.respond(message.data) })
    await nats.flush()
    const gateway = await startGateway({
      natsUrl: url,
      routes: [{ name: 'echo', match: { path: '/echo' }, subject }],
      tcp: [{ protocol: 'mux', route: undefined }],
      ...options,
    })
    t.after(async () => {
      await gateway.close()
      await nats.close()
    })
    const [port] = gateway.tcp.ports
    const open = (raw: Awaited<ReturnType<typeof openRaw>>, id: number) =>
      raw.write(`{"t":"open","id":${id},"path":"/echo","method":"POST","more":true,"body":"${PIECE}"}\n`)
    const one = await openRaw(port!)
    for (const id of [1, 2]) open(one, id)
    await eventually('all that may', () => gateway.buffers.heldBytes === 100_000)
    assert.equal(gateway.limited.count(limit), 0)
    one.write('{"t":"open","id":3,"path":"/echo","method":"POST","more":true,"body":"y"}\n')
    await one.until(/"t":"reset","id":3,"code":"busy"/)
    assert.equal(gateway.limited.count(limit), 1)
    // Of another address, and so over another connection too.
    const other = await openRaw(port!, '127.0.0.2')
    for (const id of [1, 2]) open(other, id)
    await eventually('its own', () => gateway.buffers.heldBytes === 200_000)
    // What waited in time is served.
    for (const [raw, id] of [
      [one, 1],
      [one, 2],
      [other, 1],
      [other, 2],
    ] as const) {
      raw.write(`{"t":"end","id":${id}}\n`)
      await raw.until(new RegExp(`"t":"head","id":${id},"status":200`))
    }
    await eventually('nothing waits', () => gateway.buffers.heldBytes === 0 && gateway.buffers.addresses === 0)
    for (const raw of [one, other]) raw.destroy()
    await gateway.assertIdle()
  })
}
