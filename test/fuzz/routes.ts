import type { RouteDocument } from '../../src/routing/spec.ts'

/** Where the router finds `TOKEN_SECRET`, from its directory. */
export const TOKEN_SECRET_FILE = 'fuzz.secret'

/** Subjects below it are those of these routes. */
export const SUBJECTS = 'fuzz'

/** Few enough for fuzzers to meet it now and then. */
const RATE = { rate: '300/s' }
const PAGES = { origins: ['https://pages.example'], credentials: true, exposeHeaders: ['x-served-by'] }
const HEADERS = {
  request: { set: { 'x-edge': 'fuzz' }, remove: ['x-internal'] },
  response: { set: { 'x-served-by': 'fuzz' }, remove: ['server'] },
}

const GUARDS = [
  { cors: PAGES },
  { rateLimit: RATE },
  { jwt: { secretFile: TOKEN_SECRET_FILE, from: { query: 'token' }, headers: { 'x-user': 'sub' } } },
  { headers: HEADERS },
]

/** With values of a header and of the query. */
export const PARAMS_SUBJECT = `${SUBJECTS}.params.{a}.{tag}.{q}`
/** With a claim, and a value of the query. */
export const GUARDED_SUBJECT = `${SUBJECTS}.guarded.{a}.{q}.{claims.sub}`

/** One of each kind, short of patience: hostile clients and backends are waited for as briefly as can be. */
export const ROUTES: readonly RouteDocument[] = [
  { name: 'well', match: { path: '/well' }, subject: `${SUBJECTS}.well` },
  { name: 'good', match: { path: '/good' }, subject: `${SUBJECTS}.good` },
  { name: 'large', match: { path: '/large' }, subject: `${SUBJECTS}.large`, body: 'stream' },
  { name: 'any', match: { path: '/fuzz/{a}/{rest...}' }, subject: `${SUBJECTS}.any.{a}.{rest}`, timeout: '500ms' },
  { name: 'stream', match: { path: '/stream' }, subject: `${SUBJECTS}.stream`, body: 'stream', timeout: '500ms' },
  {
    name: 'params',
    match: { path: '/params/{a}' },
    subject: PARAMS_SUBJECT,
    params: { tag: { header: 'x-tag' }, q: { query: 'q' } },
    policies: [{ cors: PAGES }, { rateLimit: RATE }, { headers: HEADERS }],
    timeout: '500ms',
  },
  {
    name: 'guarded',
    match: { path: '/guarded/{a}' },
    subject: GUARDED_SUBJECT,
    params: { q: { query: 'q' } },
    body: 'stream',
    policies: GUARDS,
    timeout: '500ms',
  },
  {
    name: 'guarded-messages',
    match: { kind: 'ws', path: '/guarded/{a}' },
    subject: GUARDED_SUBJECT,
    params: { q: { query: 'q' } },
    policies: GUARDS,
  },
  { name: 'messages', match: { kind: 'ws', path: '/messages' }, subject: `${SUBJECTS}.messages`, websocket: 'rpc' },
  { name: 'duplex', match: { kind: 'ws', path: '/duplex' }, subject: `${SUBJECTS}.stream` },
  { name: 'lines', match: { kind: 'tcp' }, subject: `${SUBJECTS}.stream` },
  { name: 'binary', match: { kind: 'tcp' }, subject: `${SUBJECTS}.stream` },
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
