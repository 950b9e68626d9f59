/** No `Date` is further from the epoch, either way (ECMA-262 section 21.4.1.1). */
const MAX_DATE_MS = 8.64e15

/**
 * A `timestamptz` of a row that anybody may have written. The driver gives `infinity` as a number, and a date beyond all
 * of JavaScript's as an invalid one: both are the nearest date here, so that one such row does not stop all others.
 */
export function storedDate(value: Date | number): Date {
  const ms = Number(value)
  // What is invalid is too late: Postgres begins in 4714 BC.
  return new Date(Number.isNaN(ms) ? MAX_DATE_MS : Math.max(-MAX_DATE_MS, Math.min(ms, MAX_DATE_MS)))
}
