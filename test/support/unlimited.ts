import { ConnectionLimits } from '../../src/adapters/connection-limits.ts'
import { WebConnections } from '../../src/adapters/web-connections.ts'
import { DEAF_LIMIT_OBSERVER } from '../../src/exchange/limit.ts'

/** For tests that are not about how many connections there may be. */
export function unlimitedConnections(): ConnectionLimits {
  return new ConnectionLimits({
    maxConnections: Infinity,
    maxPerAddress: Infinity,
    isProxy: () => false,
    observer: DEAF_LIMIT_OBSERVER,
  })
}

export function unlimitedWebConnections(): WebConnections {
  return new WebConnections({ limits: unlimitedConnections(), observer: DEAF_LIMIT_OBSERVER })
}
