/** What one check of the doctor found. */
export interface Finding {
  /** What was looked at: `nats`, `nats inbox`. */
  readonly check: string
  /** `warn`: works, but not as well or not for long. */
  readonly result: 'ok' | 'warn' | 'fail'
  readonly detail: string
  /** What to do; there unless the result is `ok`. */
  readonly advice?: string
}

export function ok(check: string, detail: string): Finding {
  return { check, result: 'ok', detail }
}

export function warn(check: string, detail: string, advice: string): Finding {
  return { check, result: 'warn', detail, advice }
}

export function fail(check: string, detail: string, advice: string): Finding {
  return { check, result: 'fail', detail, advice }
}
