import type { VerbEntry } from './verb.ts'

/** Every verb, in the order of the help. A new verb is one file that exports `verb`, and one line here. */
export const VERBS: readonly VerbEntry[] = [
  {
    name: 'serve',
    summary: 'Run a router',
    load: () => import('./serve.ts'),
  },
  {
    name: 'dev',
    summary: 'Run all of it on this machine: NATS, Postgres, the router, a demo backend',
    load: () => import('./dev.ts'),
  },
  {
    name: 'call',
    summary: 'Send one request through the NATS side, without the HTTP side',
    load: () => import('./call.ts'),
  },
  {
    name: 'doctor',
    summary: 'Check settings, NATS, Postgres and this machine, and say what to do',
    load: () => import('./doctor.ts'),
  },
]
