/** What is left of a certificate's life when somebody should look: whatever renews certificates has done so before. */
const WARNING_DAYS = 21

/** Whether it has expired, or will before long. Both in milliseconds since the epoch. */
export function expiresSoon(expiresAtMs: number, nowMs: number): boolean {
  return expiresAtMs - nowMs < WARNING_DAYS * 86_400_000
}
