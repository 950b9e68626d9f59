import { cut, post, taken } from '../case.ts'

const chunked = (body: string) => post('Transfer-Encoding: chunked', body)
/** The router waits for the rest. */
const SLOW = { streamedStatus: 408 }
const HELLO = { method: 'POST', body: 'hello' }

/** How a chunked body is cut (RFC 9112 section 7.1). */
export const chunkedCases = [
  taken(HELLO, 'one chunk', '7.1', chunked('5\r\nhello\r\n0\r\n\r\n')),
  taken(HELLO, 'two chunks', '7.1', chunked('2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n')),
  taken({ method: 'POST' }, 'no chunk', '7.1', chunked('0\r\n\r\n')),
  taken(
    { method: 'POST', body: 'x'.repeat(0x1a) },
    'a size in capitals',
    '7.1: hexadecimal of either case',
    chunked(`1A\r\n${'x'.repeat(0x1a)}\r\n0\r\n\r\n`),
  ),
  taken(HELLO, 'a size with leading zeros', '7.1', chunked('00005\r\nhello\r\n000\r\n\r\n')),
  taken(
    { method: 'POST', body: 'GET /x HTTP/1.1\r\n\r\n' },
    'a chunk that looks like a request',
    '7.1: it is content',
    chunked('13\r\nGET /x HTTP/1.1\r\n\r\n\r\n0\r\n\r\n'),
  ),

  // An attacker who finds two readers that do not agree on these has the rest of a body read as a request. uWebSockets
  // takes them, and does not show them: so no further request is taken over a connection that had a chunked one.
  taken(
    { method: 'POST', body: 'x'.repeat(16) },
    'a size with the digit g',
    '7.1: one beyond f',
    chunked(`g\r\n${'x'.repeat(16)}\r\n0\r\n\r\n`),
  ),
  taken({ method: 'POST' }, 'no size', '7.1', chunked('\r\nhello\r\n0\r\n\r\n')),
  taken({ method: 'POST' }, 'a size with a space before it', '7.1', chunked(' 5\r\nhello\r\n0\r\n\r\n')),
  taken(
    HELLO,
    'a size with a space behind it',
    '7.1.1: no white space without an extension',
    chunked('5 \r\nhello\r\n0\r\n\r\n'),
  ),
  taken(HELLO, 'a size with words behind a space', '7.1', chunked('5 x\r\nhello\r\n0\r\n\r\n')),
  taken(HELLO, 'a size that ends with a bare LF', '2.2: CRLF and nothing else here', chunked('5\nhello\r\n0\r\n\r\n')),
  taken(
    HELLO,
    'a chunk that ends with two other bytes',
    '7.1: the next size begins elsewhere for one reader',
    chunked('5\r\nhelloXX0\r\n\r\n'),
  ),
  taken({ method: 'POST', body: 'hell' }, 'a chunk longer than its size', '7.1', chunked('4\r\nhello\r\n0\r\n\r\n')),
  taken(HELLO, 'a chunk that ends with a bare LF', '7.1', chunked('5\r\nhello\n0\r\n\r\n')),
  taken(HELLO, 'a last chunk that ends with a bare LF', '7.1', chunked('5\r\nhello\r\n0\n\n')),
  taken(HELLO, 'an end with two other bytes', '7.1', chunked('5\r\nhello\r\n0\r\nXX')),

  // Read as a larger size, of which the rest never comes: the answer is that of the route's timeout, or of a slow body.
  // A recipient must ignore extensions that it does not know. uWebSockets does not, so that such a request fails; it is
  // never published with another body than it has.
  cut(504, 'a chunk extension', '7.1.1: is to be ignored', chunked('5;a=b\r\nhello\r\n0\r\n\r\n'), SLOW),
  cut(
    504,
    'an extension with a bare LF',
    '7.1.1: the chunk begins there for one reader',
    chunked('5;a\nb\r\nhello\r\n0\r\n\r\n'),
    SLOW,
  ),
  cut(504, 'an extension of the last chunk', '7.1.1: is to be ignored', chunked('5\r\nhello\r\n0;a=b\r\n\r\n'), SLOW),
  cut(504, 'a size that ends with a bare CR', '7.1', chunked('5\rhello\r\n0\r\n\r\n'), SLOW),

  cut(400, 'a size with 0x', '7.1', chunked('0x5\r\nhello\r\n0\r\n\r\n')),
  cut(400, 'a size with a plus', '7.1', chunked('+5\r\nhello\r\n0\r\n\r\n')),
  cut(400, 'a size with a minus', '7.1', chunked('-5\r\nhello\r\n0\r\n\r\n')),
  cut(400, 'a size that is no number', '7.1', chunked('hello\r\n0\r\n\r\n')),
  cut(400, 'a size beyond 64 bits', '7.1: must not overflow', chunked('10000000000000005\r\nhello\r\n0\r\n\r\n')),
  cut(
    505,
    'trailers',
    '7.1.2: may be dropped; here they end the connection',
    chunked('5\r\nhello\r\n0\r\nX: y\r\n\r\n'),
    { body: 'hello' },
  ),
]
