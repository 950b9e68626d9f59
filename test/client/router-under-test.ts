import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { serve } from '../../src/backend/index.ts'
import { eventually } from '../support/eventually.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'

export interface RouterUnderTest {
  /** Of a server that gives out `files`, takes `POST /cut`, and hands WebSockets on to the router. */
  readonly url: string
  readonly gateway: Gateway
  /** Responses without end that clients have left. */
  readonly abandoned: number
  /** The `x-id` of each request to `/hello`, as the backend saw them. */
  readonly seen: readonly string[]
  /** All WebSockets, without a word. */
  cut(): void
  /** Nothing is left of any request. */
  assertIdle(): Promise<void>
}

let routers = 0

/** The router with a backend, and before it a server for pages of the same origin, which can cut all connections. */
export async function startRouterUnderTest(
  t: TestContext,
  files: Readonly<Record<string, { readonly type: string; readonly content: string }>> = {},
): Promise<RouterUnderTest> {
  const number = routers++
  const nats = await natsUrl()
  const subject = (name: string) => `client-${process.pid}-${number}.${name}`
  const gateway = await startGateway({
    natsUrl: nats,
    routes: [
      { name: 'hello', match: { path: '/hello/{name}' }, subject: subject('hello') },
      { name: 'count', match: { path: '/count' }, subject: subject('count') },
      { name: 'echo', match: { methods: ['POST'], path: '/echo' }, subject: subject('echo'), body: 'stream' },
      { name: 'forever', match: { path: '/forever' }, subject: subject('forever') },
      { name: 'nobody', match: { path: '/nobody' }, subject: subject('nobody'), noResponders: { retries: 0 } },
      { name: 'ticks', match: { path: '/ticks' }, subject: subject('ticks'), reply: 'many' },
      { name: 'term', match: { kind: 'ws', path: '/term/{id}' }, subject: subject('term') },
    ],
  })
  const service = await serve({ nats: { servers: nats }, name: 'client-test', version: '1.0.0' })
  let abandoned = 0
  const seen: string[] = []
  service.fetch(subject('hello'), async (request) => {
    const { pathname, search } = new URL(request.url)
    const { headers } = request
    seen.push(headers.get('x-id') ?? '')
    const told = { url: pathname + search, authorization: headers.get('authorization') }
    return Response.json({ ...told, type: headers.get('content-type'), text: await request.text() }, { status: 201 })
  })
  service.fetch(subject('count'), (request) => {
    const total = Number(new URL(request.url).searchParams.get('bytes'))
    let made = 0
    return new Response(
      new ReadableStream({
        pull(controller) {
          const chunk = new Uint8Array(Math.min(50_000, total - made)).map((_, index) => (made + index) % 251)
          made += chunk.length
          controller.enqueue(chunk)
          if (made === total) controller.close()
        },
      }),
    )
  })
  service.fetch(subject('echo'), (request) => new Response(request.body))
  service.fetch(subject('forever'), (request) => {
    request.signal.addEventListener('abort', () => abandoned++)
    return new Response(new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from('tick')) }))
  })
  service.exchange(subject('ticks'), async (x) => {
    for (const id of ['1', '2', '3']) await x.send(`tick ${id}`, { event: 'tick', id })
  })
  service.exchange(subject('term'), async (x) => {
    for await (const { data, type } of x) await x.send({ data, ...(type && { type }) })
  })
  await service.flush()

  const sockets = new Set<Socket>()
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  const server = createServer((request, response) => {
    const file = files[request.url ?? '']
    if (request.url === '/cut') cut()
    response.writeHead(file === undefined && request.url !== '/cut' ? 404 : 200, {
      'content-type': file?.type ?? 'text/plain',
    })
    response.end(file?.content)
  })
  server.on('upgrade', (request, socket: Socket, head) => {
    const upstream = connectTcp(gateway.port, '127.0.0.1')
    const lines = [`${request.method} ${request.url} HTTP/1.1`]
    for (let i = 0; i < request.rawHeaders.length; i += 2)
      lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`)
    upstream.write(`${lines.join('\r\n')}\r\n\r\n`)
    upstream.write(head)
    sockets.add(socket)
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      one.pipe(other)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        other.destroy()
        sockets.delete(socket)
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(async () => {
    cut()
    server.closeAllConnections()
    server.close()
    await gateway.close()
    await service.drain(0)
  })
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    gateway,
    seen,
    cut,
    get abandoned() {
      return abandoned
    },
    async assertIdle() {
      await gateway.assertIdle()
      await eventually('nothing is left in the backend', () => service.size === 0)
    },
  }
}
