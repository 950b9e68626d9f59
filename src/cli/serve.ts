import { startApp } from '../app.ts'
import { createLogger } from '../telemetry/log.ts'
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
    const logger = createLogger(config.log.level)
    const app = await startApp(config, logger).catch((error: Error) => {
      throw new VerbError(error.message, { cause: error })
    })
    await aborted(io.signal)
    await app.stop()
    return 0
  },
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
