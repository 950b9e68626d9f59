import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'

/** Of one request, packed and unpacked. */
const MAX_BODY_BYTES = 8 * 1024 * 1024
const unzip = promisify(gunzip)

/** Takes traces by OTLP/HTTP as protobuf, as a collector does, for a person to look at. */
export interface OtlpReceiver {
  readonly port: number
  close(): void
}

export interface OtlpReceiverOptions {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** Gets each `ExportTraceServiceRequest`; a RangeError says that it is none. */
  readonly onRequest: (request: Uint8Array) => void
}

/** Rejects if it cannot listen there. */
export async function startOtlpReceiver({ host, port, onRequest }: OtlpReceiverOptions): Promise<OtlpReceiver> {
  const server = createServer((request, response) => {
    answer(request, response, onRequest).catch(() => response.destroy())
  })
  server.listen(port, host)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  onRequest: OtlpReceiverOptions['onRequest'],
): Promise<void> {
  const respond = (status: number) => {
    response.writeHead(status, { 'content-type': 'application/x-protobuf', 'content-length': 0 }).end()
  }
  if (request.method !== 'POST' || request.url !== '/v1/traces') return respond(404)
  if (request.headers['content-type'] !== 'application/x-protobuf') return respond(415)
  const packed = await readBody(request)
  if (packed === undefined) return respond(413)
  const isPacked = request.headers['content-encoding'] === 'gzip'
  const body = isPacked ? await unpack(packed) : packed
  if (body === undefined) return respond(400)
  try {
    onRequest(body)
  } catch (error) {
    if (error instanceof RangeError) return respond(400)
    throw error
  }
  respond(200)
}

/** Undefined if it is no gzip, or too large. */
function unpack(packed: Buffer): Promise<Buffer | undefined> {
  return unzip(packed, { maxOutputLength: MAX_BODY_BYTES }).catch(() => undefined)
}

/** Undefined if it is too large. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    // The rest is read and dropped: a sender in the middle of a request would not see the answer.
    if (length <= MAX_BODY_BYTES) chunks.push(chunk)
  }
  return length > MAX_BODY_BYTES ? undefined : Buffer.concat(chunks)
}
