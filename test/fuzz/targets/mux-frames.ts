import type { MuxFrame } from '../../../src/adapters/framing/mux-frame.ts'

/** Good frames, of exchanges that do come about, among which nonsense does the most harm. */
export const OPENING_FRAMES: readonly MuxFrame[] = [
  { t: 'open', id: 1, method: 'POST', path: '/fuzz/a/b', body: 'x' },
  { t: 'open', id: 2, method: 'POST', path: '/stream', more: true, credit: 10 },
  { t: 'open', id: 3, path: '/duplex', more: true, body: 'x', headers: { a: ['b', 'c'] } },
  { t: 'data', id: 2, body: 'hello', fin: false },
  { t: 'data', id: 3, body: new Uint8Array([1, 2]), end: true },
  { t: 'credit', id: 2, to: 100_000 },
  { t: 'end', id: 2 },
  { t: 'reset', id: 3, code: 'client_gone' },
  { t: 'ping' },
]
