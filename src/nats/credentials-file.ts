import { readFileSync } from 'node:fs'
import { type Authenticator, credsAuthenticator } from 'nats'

/**
 * Shows what a credentials file has at the time of each handshake: credentials that have expired are replaced in the file.
 * As long as what is there cannot be used, since it is being written say, the last that could be is shown.
 */
export function credentialsFile(file: string): Authenticator {
  let last: Authenticator | undefined
  return (nonce) => {
    try {
      const current = credsAuthenticator(readFileSync(file))
      const auth = current(nonce)
      last = current
      return auth
    } catch (error) {
      if (last === undefined) throw error
      return last(nonce)
    }
  }
}
