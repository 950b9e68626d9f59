import assert from 'node:assert/strict'
import { connect as connectSocket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { connect } from 'nats'
import type { PolicySpec } from '../../src/policies/policy-list.ts'
import { type Gateway, startGateway } from './gateway.ts'
import { natsUrl } from './nats.ts'

const CLIENTS = 64
const MAX_HEAP_GROWTH_BYTES = 8 * 1024 * 1024

export interface AbortStormOptions {
  /** Of all routes. */
  readonly policies?: readonly PolicySpec[]
  /** Looks at the gateway once the storm is over. */
  readonly afterwards?: (gateway: Gateway) => Promise<void>
}

/**
 * Many requests of each kind, from clients of which every third goes away at some point: before, in or after the body,
 * before, in or after the response. Afterwards every map is empty, each request was counted once, and the heap is as
 * it was.
 */
export async function runAbortStorm(requests: number, options: AbortStormOptions = {}): Promise<void> {
  const url = await natsUrl()
  const prefix = `storm${process.pid}`
  const responder = await connect({ servers: url })
  responder.subscribe(`${prefix}.one`, { callback: (_error, message) => void message.respond(message.data) })
  responder.subscribe(`${prefix}.silent`, { callback: () => {} })
  responder.subscribe(`${prefix}.many`, {
    callback: (_error, message) => {
      for (let i = 0; i < 5; i++) message.respond('chunk')
      message.respond()
    },
  })
  await responder.flush()
  const gateway = await startGateway({
    natsUrl: url,
    keepEnded: false,
    policies: options.policies ?? [],
    routes: [
      { name: 'one', match: { path: '/one' }, subject: `${prefix}.one` },
      { name: 'many', match: { path: '/many' }, subject: `${prefix}.many`, reply: 'many' },
      { name: 'silent', match: { path: '/silent' }, subject: `${prefix}.silent`, timeout: '20ms' },
      { name: 'nobody', match: { path: '/nobody' }, subject: `${prefix}.nobody` },
    ],
  })
  const paths = ['/one', '/one', '/many', '/nobody', '/silent', '/missing']
  try {
    let left = requests
    const take = () => left-- > 0
    const random = createRandom(1)
    const storm = () => Promise.all(Array.from({ length: CLIENTS }, () => client(gateway.port, paths, random, take)))

    left = Math.ceil(requests / 5)
    await storm()
    await gateway.assertIdle()
    const before = heapBytes()
    left = requests
    await storm()
    await gateway.assertIdle()
    const growth = heapBytes() - before
    assert.ok(growth < MAX_HEAP_GROWTH_BYTES, `the heap grew by ${growth} bytes in ${requests} requests`)
    await options.afterwards?.(gateway)
  } finally {
    await gateway.close()
    await responder.close()
  }
}

/** One client after the other on a place of its own, until no request is left. */
async function client(port: number, paths: readonly string[], random: () => number, take: () => boolean) {
  while (take()) await oneConnection(port, paths, random, take)
}

/** Some requests on one connection, which ends in the middle of one of them or after the last. */
function oneConnection(port: number, paths: readonly string[], random: () => number, take: () => boolean) {
  return new Promise<void>((resolve) => {
    const socket = connectSocket(port, '127.0.0.1')
    const send = () => {
      const path = paths[Math.floor(random() * paths.length)]
      const body = random() < 0.3 ? 'x'.repeat(Math.floor(random() * 3000)) : ''
      const bytes = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`
      if (random() < 0.33) {
        socket.write(bytes.slice(0, Math.floor(random() * bytes.length) + 1))
        const leave = () => socket.destroy()
        if (random() < 0.5) setImmediate(leave)
        else setTimeout(leave, random() * 10)
      } else {
        socket.write(bytes)
      }
    }
    let text = ''
    socket.on('connect', send)
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      const match = /^HTTP[\s\S]*?\r\n\r\n/.exec(text)
      if (match === null) return
      const length = Number(/content-length: (\d+)/i.exec(match[0])?.[1] ?? 0)
      const isWhole = /chunked/i.test(match[0]) ? text.endsWith('0\r\n\r\n') : text.length >= match[0].length + length
      if (!isWhole) return
      text = ''
      if (take()) send()
      else socket.destroy()
    })
    // The gateway may cut as well; `close` follows.
    socket.on('error', () => {})
    socket.on('close', () => resolve())
  })
}

/** A small generator, so that a run can be repeated. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** Of live objects. */
export function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
  return process.memoryUsage().heapUsed
}
