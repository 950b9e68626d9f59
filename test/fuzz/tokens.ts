import { createHmac } from 'node:crypto'

/** What the tokens of `routes.ts` are signed with: the same at all times, for a seed to give the same cases. */
export const TOKEN_SECRET = 'a secret of fuzzers, which protects nothing'

const IN_2100_S = 4_102_444_800

/** Tokens with good signatures, of clients who may come in and of some whose name is no token of a subject. */
export const TOKENS = ['alice', 'alice', 'alice', 'a.b', '*', '>', 'x'.repeat(256)].map((sub) =>
  sign({ sub, exp: IN_2100_S }),
)

function sign(claims: object): string {
  const text = [{ alg: 'HS256', typ: 'JWT' }, claims].map(encode).join('.')
  return `${text}.${createHmac('sha256', TOKEN_SECRET).update(text).digest('base64url')}`
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
