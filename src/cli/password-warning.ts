import { withoutUserInfo } from '../nats/user-info.ts'
import { createPaint } from './print.ts'
import type { Io, VerbArgs } from './verb.ts'

interface UrlOption {
  readonly name: string
  readonly holdsSecret: (url: string) => boolean
  /** Where a secret is not shown. */
  readonly instead: string
}

const URL_OPTIONS: readonly UrlOption[] = [
  {
    name: 'nats-url',
    // A user alone is a token.
    holdsSecret: (urls) => urls.split(',').some((url) => withoutUserInfo(url.trim()) !== url.trim()),
    instead: 'set NATS_URL, or keep a credentials file and name it with --nats-creds',
  },
  {
    name: 'database-url',
    holdsSecret: (text) => {
      const url = URL.parse(text)
      return url !== null && (url.password !== '' || url.searchParams.has('password'))
    },
    instead: 'set DATABASE_URL, or name a file with the password as database.passwordFile in the settings',
  },
]

/** Says on standard error which options hold a password: the list of processes shows them to all who are on the machine. */
export function warnOfPasswords({ options }: VerbArgs, io: Io): void {
  const warning = createPaint(io.stderr, io.env)('yellow', 'warning:')
  for (const { name, holdsSecret, instead } of URL_OPTIONS) {
    const value = options[name]
    if (typeof value !== 'string' || !holdsSecret(value)) continue
    io.stderr.write(
      `${warning} everybody on this machine can see the password in --${name} while this runs: ${instead}\n`,
    )
  }
}
