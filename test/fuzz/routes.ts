import type { RouteDocument } from '../../src/routing/spec.ts'

/** Subjects below it are those of these routes. */
export const SUBJECTS = 'fuzz'

/** One of each kind, short of patience: hostile clients and backends are waited for as briefly as can be. */
export const ROUTES: readonly RouteDocument[] = [
  { name: 'well', match: { path: '/well' }, subject: `${SUBJECTS}.well` },
  { name: 'good', match: { path: '/good' }, subject: `${SUBJECTS}.good` },
  { name: 'large', match: { path: '/large' }, subject: `${SUBJECTS}.large` },
  { name: 'any', match: { path: '/fuzz/{a}/{rest...}' }, subject: `${SUBJECTS}.any.{a}.{rest}`, timeout: '500ms' },
  { name: 'stream', match: { path: '/stream' }, subject: `${SUBJECTS}.stream`, body: 'stream', timeout: '500ms' },
  { name: 'messages', match: { kind: 'ws', path: '/messages' }, subject: `${SUBJECTS}.messages`, websocket: 'rpc' },
  { name: 'duplex', match: { kind: 'ws', path: '/duplex' }, subject: `${SUBJECTS}.stream` },
  { name: 'lines', match: { kind: 'tcp' }, subject: `${SUBJECTS}.stream` },
  ...(['single', 'many'] as const).map(
    (reply): RouteDocument => ({
      name: `hostile-${reply}`,
      match: { path: `/hostile/${reply}` },
      subject: `${SUBJECTS}.hostile`,
      reply,
      timeout: '500ms',
      idleTimeout: '500ms',
    }),
  ),
  {
    name: 'hostile-stream',
    match: { path: '/hostile/stream' },
    subject: `${SUBJECTS}.hostile`,
    body: 'stream',
    timeout: '500ms',
    idleTimeout: '500ms',
  },
]
