import { dropped, get, refused, taken } from '../case.ts'

const host = (value: string) => get(`Host: ${value}`)

/** What a request is for: one Host, and a valid one (RFC 9112 section 3.2). */
export const hostCases = [
  taken({ method: 'GET', host: 'a.example' }, 'a name', '3.2', host('a.example')),
  taken(
    { method: 'GET', host: 'a.example' },
    'a name in capitals with a port',
    'RFC 9110 4.2.3: hosts have no case',
    host('A.Example:8080'),
  ),
  taken({ method: 'GET', host: 'a.example' }, 'an empty port', 'RFC 3986 3.2.3: allowed', host('a.example:')),
  taken({ method: 'GET', host: '192.0.2.1' }, 'an IPv4 address', '3.2', host('192.0.2.1:80')),
  taken({ method: 'GET', host: '[2001:db8::1]' }, 'an IPv6 address', '3.2', host('[2001:db8::1]:80')),
  taken({ method: 'GET', host: 'a_b.example' }, 'a name with an underscore', 'RFC 3986 3.2.2', host('a_b.example')),
  refused(400, 'no Host', '3.2: must be refused', get('X: y')),
  refused(400, 'two of them', '3.2: must be refused', get('Host: a.example\r\nHost: b.example')),
  refused(400, 'two equal ones', '3.2', get('Host: a.example\r\nHost: a.example')),
  refused(400, 'an empty one', '3.2: only where the target has no authority, which http always has', host('')),
  refused(400, 'one of white space', '3.2', host(' \t')),
  refused(400, 'one with a space', '3.2', host('a.example b.example')),
  refused(400, 'a list', '3.2: each reader takes another', host('a.example, b.example')),
  refused(400, 'one with user information', '3.2: must be refused', host('b.example@a.example')),
  refused(400, 'one with a path', '3.2', host('a.example/b')),
  refused(400, 'one with a query', '3.2', host('a.example?b')),
  refused(400, 'one with a fragment', '3.2', host('a.example#b')),
  refused(400, 'one with a backslash', '3.2', host('a.example\\b')),
  refused(400, 'a URL', '3.2', host('http://a.example')),
  refused(400, 'one with a port of letters', '3.2', host('a.example:http')),
  refused(400, 'one with a port beyond 65535', '3.2', host('a.example:65536')),
  refused(400, 'one with two ports', '3.2', host('a.example:80:81')),
  refused(400, 'a port alone', '3.2', host(':80')),
  refused(400, 'one with quotes and brackets', '3.2: would end up in a page or a shell', host('"><script>')),
  refused(
    400,
    'one with percent-encoding',
    '3.2: no name that DNS knows, and readers decode it or do not',
    host('a%2eexample'),
  ),
  refused(400, 'a wildcard', '3.2', host('*.example')),
  refused(400, 'an IPv6 address without its end', '3.2', host('[2001:db8::1')),
  refused(400, 'an IPv6 address with more behind it', '3.2', host('[2001:db8::1]x')),
  refused(400, 'an IPv6 address without brackets', '3.2', host('2001:db8::1')),
  refused(400, 'one with characters beyond ASCII', '3.2', host('a\xe9b.example')),
  refused(400, 'one of 300 characters', 'RFC 1035 2.3.4', host('a'.repeat(300))),
  dropped('one with a NUL', 'RFC 9110 5.5', host('a.example\0b')),
]
