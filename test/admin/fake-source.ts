import type { AdminSource } from '../../src/admin/source.ts'

/** A router with nothing on it. */
export function fakeSource(over: Partial<AdminSource> = {}): AdminSource {
  return {
    table: () => undefined,
    connectionCount: 0,
    connections: () => [],
    exchangeCount: 0,
    exchanges: () => [],
    services: () => undefined,
    drain: () => {},
    ...over,
  }
}
