import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { connect } from 'nats'
import type { MuxFrame } from '../../../src/adapters/framing/mux-frame.ts'
import { eventually } from '../../support/eventually.ts'
import { startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { connectMuxClient } from './mux-client.ts'

const P = `mux${process.pid}d`

describe('a router that stops', () => {
  for (const kind of ['ws', 'tcp'] as const) {
    test(`lets mux exchanges end over ${kind}, and resets what does not`, async (t) => {
      const url = await natsUrl()
      const nats = await connect({ servers: url })
      t.after(() => nats.close())
      let answer = () => {}
      nats.subscribe(`${P}.${kind}.slow`, {
        callback: (_error, message) => {
          answer = () => void message.respond('at last')
        },
      })
      nats.subscribe(`${P}.${kind}.never`, { callback() {} })
      await nats.flush()
      const gateway = await startGateway({
        natsUrl: url,
        tcp: [{ protocol: 'mux', route: undefined }],
        routes: ['slow', 'never'].map((name) => ({
          name,
          match: { path: `/${name}` },
          subject: `${P}.${kind}.${name}`,
        })),
      })
      t.after(() => gateway.close())
      const port = kind === 'ws' ? gateway.port : gateway.tcp.ports[0]!
      const client = await connectMuxClient({ port, kind, encoding: 'json' })
      const frames: MuxFrame[] = []
      client.onFrame = (frame) => void frames.push(frame)
      client.send({ t: 'open', id: 1, path: '/slow' })
      client.send({ t: 'open', id: 2, path: '/never' })
      await eventually('both are under way', () => gateway.transport.size === 2)
      const drained = kind === 'ws' ? gateway.http.drain(1000) : gateway.tcp.drain(1000)
      await eventually('goaway', () => frames.length === 1)
      client.send({ t: 'open', id: 3, path: '/slow' })
      await eventually('it is refused', () => frames.length === 2)
      answer()
      const { code } = await client.closed
      await drained
      assert.deepEqual(
        frames.map((frame) => [frame.t, 'id' in frame && frame.id, 'code' in frame && frame.code]),
        [
          ['goaway', false, undefined],
          ['reset', 3, 'draining'],
          ['head', 1, false],
          ['reset', 2, 'draining'],
        ],
      )
      assert.equal(code, kind === 'ws' ? 1012 : 0)
      assert.deepEqual(gateway.ended.map((ended) => ended.code).sort(), ['draining', 'draining', 'ok'])
      await gateway.assertIdle()
    })

    test(`refuses over ${kind} what an idle client sends before it has heard of it`, async (t) => {
      const url = await natsUrl()
      const gateway = await startGateway({ natsUrl: url, tcp: [{ protocol: 'mux', route: undefined }], routes: [] })
      t.after(() => gateway.close())
      const port = kind === 'ws' ? gateway.port : gateway.tcp.ports[0]!
      const client = await connectMuxClient({ port, kind, encoding: 'json' })
      const frames: MuxFrame[] = []
      client.onFrame = (frame) => void frames.push(frame)
      client.send({ t: 'ping' })
      await eventually('the connection is there', () => frames.length === 1)
      const drained = kind === 'ws' ? gateway.http.drain(10_000) : gateway.tcp.drain(10_000)
      await eventually('goaway', () => frames.length === 2)
      client.send({ t: 'open', id: 1, path: '/late' })
      await client.closed
      await drained
      assert.partialDeepStrictEqual(frames.slice(1), [
        { t: 'goaway', lastId: 0 },
        { t: 'reset', id: 1, code: 'draining', retryable: true },
      ])
    })
  }
})
