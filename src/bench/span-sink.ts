/** A collector as a process of its own: takes every span over OTLP/HTTP, and keeps none. */
import { startOtlpReceiver } from '../telemetry/otlp-receiver.ts'

const { port } = await startOtlpReceiver({ host: '127.0.0.1', port: 0, onRequest() {} })
process.stdout.write(`ready ${port}\n`)
