import { answered, dropped, get, PATH, post, refused, taken } from '../case.ts'

const field = (text: string) => get(`Host: a.example\r\n${text}`)

/** Header fields (RFC 9112 section 5, RFC 9110 section 5). */
export const fieldCases = [
  taken({ method: 'GET', fields: { x: 'y' } }, 'a field', '5', field('X: y')),
  taken({ method: 'GET', fields: { x: 'y' } }, 'a value without white space before it', '5.1: optional', field('X:y')),
  taken({ method: 'GET', fields: { x: '' } }, 'an empty value', 'RFC 9110 5.5', field('X:')),
  taken({ method: 'GET', fields: { x: 'a:b: c' } }, 'a value with colons', 'RFC 9110 5.5', field('X: a:b: c')),
  taken(
    { method: 'GET', fields: { "!#$%&'*+-.^_`|~9": 'y' } },
    'a name of odd characters',
    'RFC 9110 5.1: a token',
    field("!#$%&'*+-.^_`|~9: y"),
  ),
  taken({ method: 'GET', fields: { x: 'a b' } }, 'a tab inside a value', 'RFC 9110 5.5', field('X: a\tb')),
  taken(
    { method: 'GET', fields: { x: 'a%C3%A9b' } },
    'a value beyond ASCII',
    'RFC 9110 5.5: NATS has ASCII only',
    field('X: a\xc3\xa9b'),
  ),
  taken(
    { method: 'GET', fields: { x: undefined, y: 'z' } },
    'a field that Connection names',
    'RFC 9110 7.6.1: it goes no further',
    field('Connection: close, X\r\nX: secret\r\nY: z'),
  ),
  taken(
    { method: 'GET', fields: { te: undefined, 'keep-alive': undefined, 'proxy-connection': undefined } },
    'fields of one connection',
    'RFC 9110 7.6.1',
    field('TE: trailers\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive'),
  ),
  taken(
    { method: 'GET', fields: { 'sx-path': PATH, 'nats-trace-only': undefined, 'sx-subject-id': undefined } },
    'fields that the router and NATS speak',
    'none of a client go on',
    field('Sx-Path: /admin\r\nNats-Trace-Only: true\r\nSX-Subject-Id: root\r\nSx: open 1'),
  ),
  dropped('a space before a colon', '5.1: must be refused', field('X : y')),
  dropped('a tab before a colon', '5.1', field('X\t: y')),
  dropped('a field without a colon', '5', field('X')),
  // uWebSockets takes it for the end of the fields: what follows is not there for anybody, and neither is a length.
  taken({ method: 'POST', fields: { x: undefined } }, 'a field without a name', '5', post('A: b\r\n: y\r\nX: z')),
  dropped('a space in a name', '5.1', field('X Y: z')),
  dropped('a NUL in a name', '5.1', field('X\0: y')),
  dropped('a bracket in a name', '5.1', field('X(): y')),
  dropped('a character beyond ASCII in a name', '5.1', field('X\xe9: y')),
  dropped('a NUL in a value', 'RFC 9110 5.5: must be refused or be a space', field('X: a\0b')),
  dropped('a control character in a value', 'RFC 9110 5.5', field('X: a\x08b')),
  taken(
    { method: 'GET', fields: { x: undefined } },
    'a DEL in a value',
    'RFC 9110 5.5: invalid; it goes no further',
    field('X: a\x7fb'),
  ),
  dropped('a bare LF in a value', '2.2', field('X: a\nY: b')),
  dropped('a bare CR in a value', '2.2', field('X: a\rY: b')),
  dropped('a CR before CRLF', '2.2', field('X: y\r')),
  dropped('a folded line', '5.2: must be refused', field('X: a\r\n b')),
  dropped('a line folded with a tab', '5.2', field('X: a\r\n\tb')),
  dropped('a folded Content-Length', '5.2', post('Content-Length:\r\n 5', 'hello')),
  dropped(
    'a folded first field',
    '2.2: must be refused or be ignored',
    `GET ${PATH} HTTP/1.1\r\n Host: a.example\r\nHost: b.example\r\n\r\n`,
  ),
  dropped('a head that ends with bare LF', '2.2', `GET ${PATH} HTTP/1.1\r\nHost: a.example\n\n`),
  dropped('a head without its end', '2.1', `GET ${PATH} HTTP/1.1\r\nHost: a.example\r\n`),
  refused(
    431,
    'more fields than are taken',
    '5.4',
    field(Array.from({ length: 150 }, (_, i) => `X${i}: y`).join('\r\n')),
  ),
  answered(431, 'more bytes of fields than are taken', '5.4', field(`X: ${'y'.repeat(17_000)}`)),
  taken(
    { method: 'POST', body: 'hello', fields: { expect: undefined } },
    'an expectation of 100',
    'RFC 9110 10.1.1',
    post('Expect: 100-continue\r\nContent-Length: 5', 'hello'),
  ),
  taken(
    { method: 'POST', body: 'hello', fields: { expect: undefined } },
    'another expectation',
    'RFC 9110 10.1.1: may be refused, and need not',
    post('Expect: 200-ok\r\nContent-Length: 5', 'hello'),
  ),
  taken(
    { method: 'GET', fields: { upgrade: undefined } },
    'an upgrade to what nobody speaks',
    'RFC 9110 7.8: may be ignored',
    field('Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA'),
  ),
]
