import type { Msg } from 'nats'
import { isTracingOn } from '../config/tracing.ts'
import { createLogger } from '../telemetry/log.ts'
import { startOtlpExport } from '../telemetry/otlp-export.ts'
import { remoteParent } from '../telemetry/trace-context.ts'

/** Handles a message with a span around it, a child of the one that its headers name. */
export type HandleTraced = (subject: string, message: Msg, handle: () => void) => void

/** How a backend without an SDK of ours takes part in traces: it reads `traceparent` from the message. */
export async function createDemoSpans(env: NodeJS.ProcessEnv): Promise<HandleTraced> {
  if (!isTracingOn(env)) return (_subject, _message, handle) => handle()
  const { recorder } = await startOtlpExport({ logger: createLogger('warn'), serviceName: 'demo-backend' })
  return (subject, message, handle) => {
    const headers = ['traceparent', 'tracestate'].flatMap((name) => {
      const value = message.headers?.get(name)
      return value ? [name, value] : []
    })
    const span = recorder.start(`process ${subject}`, remoteParent(headers))
    handle()
    span.end()
  }
}
