import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { SocketRound } from '../src/socket-round.ts'

/** Both ends of each are in this process, so that there are always more ready than libuv takes at once. */
const CONNECTIONS = 1500

test('a round is over while the turn goes on and on', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'engine-router-round-'))
  const round = new SocketRound()
  const sockets: Socket[] = []
  t.after(async () => {
    round.close()
    for (const socket of sockets) socket.destroy()
    server.close()
    await rm(directory, { recursive: true })
  })
  const { promise: isOver, resolve: onOver } = Promise.withResolvers<void>()
  const heard: string[] = []
  let isAsked = false
  const onData = (socket: Socket) => {
    if (heard.length < 2) socket.write('x')
    if (isAsked) return
    isAsked = true
    const hear = (what: string) => () => {
      if (heard.push(what) === 2) onOver()
    }
    round.after(hear('round'))
    setImmediate(hear('turn'))
  }
  const server = createServer((socket) => {
    sockets.push(socket.on('data', () => onData(socket)))
  }).listen(join(directory, 's'))
  await once(server, 'listening')
  for (let i = 0; i < CONNECTIONS; i++) {
    const client = connect(join(directory, 's'))
    await once(client, 'connect')
    sockets.push(client.on('data', () => onData(client)))
  }
  for (const socket of [...sockets]) socket.write('x')
  await isOver
  assert.deepEqual(heard, ['round', 'turn'])
})
