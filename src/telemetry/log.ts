import { type DestinationStream, type Logger, pino } from 'pino'

/** A pino logger; most parts ask for less (exchange/logger.ts). */
export type RouterLogger = Logger

/** Where credentials would be, should a request ever be logged whole. */
const SECRETS = ['authorization', 'proxy-authorization', 'cookie', 'set-cookie', 'x-api-key']

/** JSON lines on stdout. */
export function createLogger(level: string, destination?: DestinationStream): RouterLogger {
  const options = {
    level,
    base: { name: 'engine-router', pid: process.pid },
    redact: {
      paths: SECRETS.flatMap((name) => [`["${name}"]`, `headers["${name}"]`, `*.headers["${name}"]`]),
      censor: '[redacted]',
    },
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}
