import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 20

/** Polls until `probe` gives something truthy, and returns that; a probe that throws counts as not yet. */
export async function eventually<T>(
  what: string,
  probe: () => T | Promise<T>,
  options: { readonly timeoutMs?: number } = {},
): Promise<NonNullable<T>> {
  const timeoutMs = options.timeoutMs ?? 5_000
  const deadline = Date.now() + timeoutMs
  for (;;) {
    let last: unknown
    try {
      const value = await probe()
      if (value) return value
      last = value
    } catch (error) {
      last = error
    }
    if (Date.now() > deadline)
      throw new Error(`not within ${timeoutMs} ms: ${what} (last: ${String(last)})`, { cause: last })
    await delay(POLL_MS)
  }
}
