/** The router with metrics that count nothing, which only the bench can have: `engine-router` from here on. */
import { ExchangeMetrics } from '../telemetry/exchange-metrics.ts'

const nothing = (): void => {}
Object.assign(ExchangeMetrics.prototype, {
  begun: nothing,
  ended: nothing,
  onFirstReply: nothing,
  onHead: nothing,
} satisfies Partial<ExchangeMetrics>)
await import('../main.ts')
