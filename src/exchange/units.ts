/** Durations and sizes as operators write them: `250ms`, `5s`, `1.5m`, `2h`, `1d`; `512B`, `16KiB`, `10MiB`, `1GB`. */

const DURATION_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const SIZE_BYTES: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
}

/** Milliseconds, rounded; undefined if `text` is not a duration. A unit is required, but for `0`. */
export function parseDurationMs(text: string): number | undefined {
  if (text === '0') return 0
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text)
  return match ? Math.round(Number(match[1]) * (DURATION_MS[match[2]!] ?? Number.NaN)) : undefined
}

/** Bytes, rounded; undefined if `text` is not a size. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,3})?)(B|KB|MB|GB|KiB|MiB|GiB)?$/.exec(text)
  return match ? Math.round(Number(match[1]) * (SIZE_BYTES[match[2] ?? ''] ?? Number.NaN)) : undefined
}

/** The shortest exact form: 5000 -> `5s`, 1500 -> `1500ms`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s'
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const size = DURATION_MS[unit]!
    if (ms % size === 0) return `${ms / size}${unit}`
  }
  return `${ms}ms`
}

/** The shortest exact binary form: 1048576 -> `1MiB`, 1000 -> `1000B`. */
export function formatBytes(bytes: number): string {
  for (const unit of ['GiB', 'MiB', 'KiB'] as const) {
    const size = SIZE_BYTES[unit]!
    if (bytes > 0 && bytes % size === 0) return `${bytes / size}${unit}`
  }
  return `${bytes}B`
}
