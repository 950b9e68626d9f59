import { connect, type Encoding, RouterError } from '../../src/client/index.ts'

/**
 * What a program does with the client, for any place where there is one: these run in Node and in a browser, so they have
 * nothing of either. Each gives what it found as JSON.
 */

/** Against the routes of `startRouterUnderTest`. */
export type Scenario = (url: string, encoding: Encoding) => Promise<unknown>

export const scenarios = {
  async unary(url, encoding) {
    const client = connect(url, { encoding, token: 'secret' })
    const response = await client.fetch('/hello/w%C3%B6rld?x=1', { method: 'POST', body: 'grüße' })
    const found = [response.status, response.headers.get('content-type'), await response.json()]
    client.close()
    return found
  },

  async streamDown(url, encoding) {
    const client = connect(url, { encoding })
    const response = await client.fetch('/count?bytes=2000000')
    let bytes = 0
    let sum = 0
    const reader = response.body!.getReader()
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      bytes += next.value.length
      for (const value of next.value) sum = (sum + value) % 65_521
    }
    client.close()
    return { bytes, sum }
  },

  async streamUp(url, encoding) {
    const client = connect(url, { encoding })
    let n = 0
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (n === 50) controller.close()
        else controller.enqueue(new Uint8Array(20_000).fill(n++))
      },
    })
    const response = await client.fetch('/echo', { method: 'POST', body })
    const echoed = new Uint8Array(await response.arrayBuffer())
    client.close()
    return { bytes: echoed.length, isSame: echoed.every((value, index) => value === Math.floor(index / 20_000)) }
  },

  async duplex(url, encoding) {
    const client = connect(url, { encoding })
    const duplex = client.open('/term/1')
    const long = '€'.repeat(100_000)
    await duplex.send('hi')
    await duplex.send(Uint8Array.of(0, 255))
    await duplex.send(long)
    duplex.end()
    const found: unknown[] = []
    for await (const { type, data } of duplex)
      found.push([type, data === long ? 'long' : typeof data === 'string' ? data : [...data]])
    found.push(await duplex.closed)
    client.close()
    return found
  },

  async events(url, encoding) {
    const client = connect(url, { encoding })
    const found: unknown[] = []
    for await (const { data, event, id } of client.open('/ticks', { body: null }))
      found.push([typeof data === 'string' ? data : new TextDecoder().decode(data), event, id])
    client.close()
    return found
  },

  async abort(url, encoding) {
    const client = connect(url, { encoding })
    const abort = new AbortController()
    const response = await client.fetch('/forever', { signal: abort.signal })
    const reader = response.body!.getReader()
    const { value } = await reader.read()
    abort.abort(new Error('enough'))
    const message = await reader.read().catch((error: Error) => error.message)
    client.close()
    return [new TextDecoder().decode(value), message]
  },

  async errors(url, encoding) {
    const client = connect(url, { encoding, random: () => 0 })
    const found: unknown[] = []
    for (const path of ['/nowhere', '/nobody']) {
      const error = await client.fetch(path).catch((error: unknown) => error)
      found.push(error instanceof RouterError && [error.code, error.status, error.retryable])
    }
    client.close()
    return found
  },

  async reconnect(url, encoding) {
    const client = connect(url, { encoding, random: () => 0 })
    const states: string[] = []
    const before = await (await client.fetch('/count?bytes=3')).arrayBuffer()
    client.onstate = (state) => states.push(state)
    const forever = await client.fetch('/forever')
    const reader = forever.body!.getReader()
    await reader.read()
    await fetch(`${url.replace('ws', 'http')}/cut`, { method: 'POST' })
    const cut = await reader.read().catch((error: RouterError) => error.code)
    const after = await (await client.fetch('/count?bytes=3')).arrayBuffer()
    client.close()
    return { before: before.byteLength, cut, after: after.byteLength, end: states.slice(-2) }
  },
} as const satisfies Record<string, Scenario>

/** What each finds. */
export const EXPECTED: Readonly<Record<keyof typeof scenarios, unknown>> = {
  unary: [
    201,
    'application/json',
    { url: '/hello/w%C3%B6rld?x=1', authorization: 'Bearer secret', type: 'text/plain;charset=UTF-8', text: 'grüße' },
  ],
  streamDown: { bytes: 2_000_000, sum: sumOf(2_000_000) },
  streamUp: { bytes: 1_000_000, isSame: true },
  duplex: [['text', 'hi'], ['binary', [0, 255]], ['text', 'long'], 1000],
  events: [
    ['tick 1', 'tick', '1'],
    ['tick 2', 'tick', '2'],
    ['tick 3', 'tick', '3'],
  ],
  abort: ['tick', 'enough'],
  errors: [
    ['no_route', 404, false],
    ['no_responders', 503, true],
  ],
  reconnect: { before: 3, cut: 'connection_lost', after: 3, end: ['open', 'closed'] },
}

function sumOf(bytes: number): number {
  let sum = 0
  for (let n = 0; n < bytes; n++) sum = (sum + (n % 251)) % 65_521
  return sum
}
