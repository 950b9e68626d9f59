import { connect, headers as createHeaders, type MsgHdrs } from 'nats'
import type { RouteDocument } from '../../../../src/routing/spec.ts'

/** A request as it came to the backend. */
export interface ReceivedRequest {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly host: string
  readonly body: string
  readonly headers: MsgHdrs
}

export interface RecordingBackend {
  /** All that came, in order. */
  readonly received: readonly ReceivedRequest[]
  /** Takes any request of any host, and leads here. */
  readonly route: RouteDocument
  close(): Promise<void>
}

/** Keeps every request that is published, and answers each with its own method, path and body. */
export async function startRecordingBackend(url: string, subject: string): Promise<RecordingBackend> {
  const nats = await connect({ servers: url })
  const received: ReceivedRequest[] = []
  nats.subscribe(subject, {
    callback(_error, message) {
      const headers = message.headers ?? createHeaders()
      const request = {
        method: headers.get('Sx-Method'),
        path: headers.get('Sx-Path'),
        query: headers.get('Sx-Query'),
        host: headers.get('Sx-Host'),
        body: Buffer.from(message.data).toString('latin1'),
        headers,
      }
      received.push(request)
      message.respond(`${request.method} ${request.path} ${request.body}`)
    },
  })
  await nats.flush()
  return {
    received,
    route: { name: 'recorder', match: { path: '/{rest...}' }, subject },
    close: () => nats.close(),
  }
}
