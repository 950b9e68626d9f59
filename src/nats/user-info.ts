const USER_INFO = /^([a-z]+:\/\/)?([^@/]*)@/i

/** What the client library wants beside the address, which it takes without user info. */
export interface UserInfo {
  readonly user?: string
  readonly pass?: string
  readonly token?: string
}

/** `nats://user:password@host` and `nats://token@host`, as every NATS tool takes them; of the first server with any. */
export function userInfoOf(servers: readonly string[]): UserInfo {
  for (const server of servers) {
    const text = USER_INFO.exec(server)?.[2]
    if (text === undefined) continue
    const colon = text.indexOf(':')
    if (colon === -1) return { token: decode(text) }
    return { user: decode(text.slice(0, colon)), pass: decode(text.slice(colon + 1)) }
  }
  return {}
}

/** The text is in no message: it may be a password. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Error('the user, password or token in a URL of NATS is not percent-encoded: write % as %25')
  }
}

export function withoutUserInfo(server: string): string {
  return server.replace(USER_INFO, '$1')
}
