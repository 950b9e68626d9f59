import type { TcpListener } from './config/router-config.ts'
import type { Logger } from './exchange/logger.ts'
import { createMatch, type RouteTable } from './routing/table.ts'

/**
 * Looks whether each new table has the routes that raw TCP listeners name, and says which it has not: when one goes, not
 * with each table without it, and when it comes back. Without it, clients are the first to know: they are reset.
 */
export function createListenerRoutesCheck(
  listeners: readonly TcpListener[],
  logger: Logger,
): (table: RouteTable) => void {
  const names = new Set(listeners.flatMap(({ route }) => route ?? []))
  const missing = new Set<string>()
  const match = createMatch()
  return (table) => {
    for (const route of names) {
      table.matchName(route, match)
      if (match.route === undefined && !missing.has(route)) {
        missing.add(route)
        logger.warn({ route }, 'the table has no tcp route of the name that a listener has: its connections are reset')
      } else if (match.route !== undefined && missing.delete(route)) {
        logger.info({ route }, 'the table has the tcp route of a listener again')
      }
    }
  }
}
