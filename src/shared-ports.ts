import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { RouterConfig } from './config/router-config.ts'
import type { Logger } from './exchange/logger.ts'

const POLL_MS = 50
/** Linux 5.14 and later: whether a listener that closes leaves its waiting connections to the others of its port. */
const MIGRATE_FILE = '/proc/sys/net/ipv4/tcp_migrate_req'

/** Whether clients may reach another process at a port of this one. */
export function sharesPorts({ listen }: RouterConfig): boolean {
  return [listen.http, listen.admin, ...listen.tcp].some(({ reusePort }) => reusePort)
}

/** For a router that shares ports, before it listens. Throws where the system has no such thing. */
export async function checkSharing(logger: Logger): Promise<void> {
  if (process.platform !== 'linux')
    throw new Error('reusePort is for Linux, where connections are spread over all that listen: remove it from listen')
  const migrates = await readFile(MIGRATE_FILE, 'utf8').catch(() => undefined)
  if (migrates?.trim() === '1') return
  logger.warn(
    {},
    'reusePort: connections that come in the moment in which a router stops may be reset; `sysctl -w net.ipv4.tcp_migrate_req=1` hands them over (Linux 5.14)',
  )
}

/**
 * Waits for a router that shares ports: connections would come to it as soon as it listens, of which another process could
 * have made more. Rejects with the signal's reason.
 * @param readiness what stands in the way
 */
export async function untilReady(
  readiness: () => readonly string[],
  logger: Logger,
  signal: AbortSignal | undefined,
): Promise<void> {
  const reasons = readiness()
  if (reasons.length > 0) logger.info({ reasons }, 'will listen when it is ready, as its ports may be shared')
  while (readiness().length > 0) {
    signal?.throwIfAborted()
    await delay(POLL_MS)
  }
}
