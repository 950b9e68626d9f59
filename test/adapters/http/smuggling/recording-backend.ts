import { connect, headers as createHeaders } from 'nats'
import type { RouteDocument } from '../../../../src/routing/spec.ts'
import { startStreamBackend } from '../../../support/stream-backend.ts'

/** A request as it came to the backend. */
export interface ReceivedRequest {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly host: string
  /** As far as it has come. */
  body: string
  /** What its body came to. */
  end: 'none yet' | 'whole' | 'reset'
  /** Of the field with this name in lower case. */
  valuesOf(name: string): string[]
}

export interface RecordingBackend {
  /** All that came, in order. */
  readonly received: readonly ReceivedRequest[]
  /** Takes any request of any host, and leads here. */
  readonly route: RouteDocument
  /** Resolves when all that NATS has for it is here. */
  flush(): Promise<void>
  close(): Promise<void>
}

const ROUTE = { name: 'recorder', match: { path: '/{rest...}' } } as const

/** Keeps every request that is published, and answers each with its own method, path and body. */
export async function startRecordingBackend(url: string, subject: string): Promise<RecordingBackend> {
  const nats = await connect({ servers: url })
  const received: ReceivedRequest[] = []
  nats.subscribe(subject, {
    callback(_error, message) {
      const headers = message.headers ?? createHeaders()
      const request = createRequest(
        headers.keys().flatMap((name) => headers.values(name).map((value) => [name, value] as const)),
        message.data,
      )
      request.end = 'whole'
      received.push(request)
      message.respond(answerTo(request))
    },
  })
  await nats.flush()
  return { received, route: { ...ROUTE, subject }, flush: () => nats.flush(), close: () => nats.close() }
}

/** The same over streams: takes each at once, and answers when its body has ended. */
export async function startRecordingStreams(url: string, subject: string): Promise<RecordingBackend> {
  const backend = await startStreamBackend(url)
  const received: ReceivedRequest[] = []
  await backend.handle(subject, (stream, { headers, payload, more }) => {
    const request = createRequest(
      headers.flatMap((name, index) => (index % 2 === 0 ? [[name, headers[index + 1]!] as const] : [])),
      payload,
    )
    received.push(request)
    const end = () => {
      request.end = 'whole'
      stream.head({ status: 200, headers: [] })
      stream.data(Buffer.from(answerTo(request)))
      stream.end()
    }
    stream.accept(1, 64 * 1024)
    if (!more) end()
    return {
      data(chunk) {
        request.body += Buffer.from(chunk).toString('latin1')
        return true
      },
      end,
      reset: () => {
        request.end = 'reset'
      },
    }
  })
  return {
    received,
    route: { ...ROUTE, subject, body: 'stream' },
    flush: () => backend.nats.flush(),
    close: () => backend.close(),
  }
}

function createRequest(fields: readonly (readonly [name: string, value: string])[], body: Uint8Array): ReceivedRequest {
  const valuesOf = (name: string) => fields.flatMap(([key, value]) => (key.toLowerCase() === name ? [value] : []))
  const only = (name: string) => valuesOf(name)[0] ?? ''
  return {
    method: only('sx-method'),
    path: only('sx-path'),
    query: only('sx-query'),
    host: only('sx-host'),
    body: Buffer.from(body).toString('latin1'),
    end: 'none yet',
    valuesOf,
  }
}

function answerTo({ method, path, body }: ReceivedRequest): string {
  return `${method} ${path} ${body}`
}
