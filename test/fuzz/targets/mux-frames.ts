import type { MuxFrame } from '../../../src/adapters/framing/mux-frame.ts'
import { TOKENS } from '../tokens.ts'

const headers = { 'x-tag': 't', origin: 'https://pages.example', authorization: `Bearer ${TOKENS[0]}` }

/** Good frames, of exchanges that do come about, among which nonsense does the most harm. */
export const OPENING_FRAMES: readonly MuxFrame[] = [
  { t: 'open', id: 1, method: 'POST', path: '/fuzz/a/b', body: 'x' },
  { t: 'open', id: 2, method: 'POST', path: '/stream', more: true, credit: 10 },
  { t: 'open', id: 3, path: '/duplex', more: true, body: 'x', headers: { a: ['b', 'c'] } },
  { t: 'open', id: 4, method: 'PUT', path: '/params/a?q=b', headers, body: 'x' },
  { t: 'open', id: 5, method: 'POST', path: '/guarded/a?q=b', headers, more: true, credit: 10 },
  { t: 'open', id: 6, path: `/guarded/a?q=b&token=${TOKENS.at(-2)}`, more: true },
  { t: 'data', id: 5, body: 'hello' },
  { t: 'auth', token: TOKENS[0] },
  { t: 'data', id: 2, body: 'hello', fin: false },
  { t: 'data', id: 3, body: new Uint8Array([1, 2]), end: true },
  { t: 'credit', id: 2, to: 100_000 },
  { t: 'end', id: 2 },
  { t: 'reset', id: 3, code: 'client_gone' },
  { t: 'ping' },
]
