import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { nkeys } from 'nats'

/** Accounts of a nats-server with decentralised authentication, made here in the place of the tool `nsc`. */
export interface NatsOperator {
  /** Of a server. */
  readonly config: string
  /** The text of a credentials file of a new user of an account. @param expiresInS undefined: it does not expire */
  creds(account: string, expiresInS?: number): string
}

const NO_LIMITS = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 }

export function createNatsOperator(accounts: readonly string[]): NatsOperator {
  const operator = nkeys.createOperator()
  const keys = new Map(accounts.map((name) => [name, nkeys.createAccount()]))
  const preload = [...keys].map(([name, key]) => {
    const claims = { type: 'account', version: 2, limits: NO_LIMITS, default_permissions: { pub: {}, sub: {} } }
    return `${key.getPublicKey()}: ${sign(operator, key.getPublicKey(), name, claims)}`
  })
  const jwt = sign(operator, operator.getPublicKey(), 'test', { type: 'operator', version: 2 })
  return {
    config: `operator: ${jwt}\nresolver: MEMORY\nresolver_preload: {\n${preload.join('\n')}\n}\n`,
    creds(account, expiresInS) {
      const user = nkeys.createUser()
      const claims = { type: 'user', version: 2, pub: {}, sub: {}, subs: -1, data: -1, payload: -1 }
      const jwt = sign(keys.get(account)!, user.getPublicKey(), 'user', claims, expiresInS)
      const seed = new TextDecoder().decode(user.getSeed())
      return (
        `-----BEGIN NATS USER JWT-----\n${jwt}\n------END NATS USER JWT------\n\n` +
        `-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`
      )
    },
  }
}

/** Writes the server's file; to be named by `-c`. */
export async function writeOperatorConfig(operator: NatsOperator, directory: string): Promise<string> {
  const file = join(directory, 'operator.conf')
  await writeFile(file, operator.config)
  return file
}

function sign(
  by: ReturnType<typeof nkeys.createOperator>,
  subject: string,
  name: string,
  nats: object,
  expiresInS?: number,
): string {
  const iat = Math.floor(Date.now() / 1000)
  const exp = expiresInS === undefined ? {} : { exp: iat + expiresInS }
  const claims = { jti: name, iat, ...exp, iss: by.getPublicKey(), name, sub: subject, nats }
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${encode({ typ: 'JWT', alg: 'ed25519-nkey' })}.${encode(claims)}`
  return `${text}.${Buffer.from(by.sign(Buffer.from(text))).toString('base64url')}`
}
