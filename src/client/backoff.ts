const FIRST_MS = 100
const MAX_MS = 30_000

/**
 * How long to wait before another try: exponential with full jitter, so that clients which were cut off together do not
 * come back together.
 * @param failures how many there were before: 0 for the first wait
 */
export function backoffMs(failures: number, random: () => number): number {
  return random() * Math.min(MAX_MS, FIRST_MS * 2 ** Math.min(failures, 20))
}
