/**
 * Asks a service of the operator's over NATS, whose answer is one message. Rejects with an ExchangeError alone:
 * `nats_unavailable`, or `busy` if nobody answers in time.
 */
export type Ask = (subject: string, question: Uint8Array, timeoutMs: number) => Promise<Uint8Array>
