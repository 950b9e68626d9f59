import { startApp } from '../app.ts'
import { isTracingOn } from '../config/tracing.ts'
import { createLogger } from '../telemetry/log.ts'
import { startOtlpExport } from '../telemetry/otlp-export.ts'
import { createTracing } from '../telemetry/tracing.ts'
import { CONFIG_OPTIONS, loadServeConfig } from './config-options.ts'
import { type Verb, VerbError } from './verb.ts'

export const verb: Verb = {
  options: {
    ...CONFIG_OPTIONS,
    port: { type: 'string', short: 'p', value: 'PORT', description: 'HTTP port (PORT; 8080)' },
  },
  examples: ['engine-router serve', 'engine-router serve -c /etc/engine-router/router.yaml --log-level debug'],
  async run(args, io) {
    const config = await loadServeConfig(args, io)
    const isTraced = isTracingOn(io.env)
    const logger = createLogger(config.log.level)
    const traces = isTraced ? await startOtlpExport({ logger, serviceName: 'engine-router' }) : undefined
    const tracing = traces && createTracing(traces.recorder)
    try {
      const app = await startApp(config, logger, tracing, io.signal).catch((error: Error) => {
        if (io.signal.aborted) return undefined
        throw new VerbError(error.message, { cause: error })
      })
      if (app === undefined) return 0
      await Promise.race([aborted(io.signal), app.drainRequested])
      await app.stop()
    } finally {
      await traces?.close()
    }
    return 0
  },
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
