/** Random ids from a pool of bytes: one call of the CSPRNG for many ids. */

/** Fills the buffer with random bytes: `crypto.randomFillSync`, or a seeded one in tests. */
export type RandomFill = (buffer: Buffer) => unknown

const ID_BYTES = 12
const POOL_IDS = 512

/** Each call gives 96 unguessable bits as 16 characters of base64url: a NATS token as it stands. */
export function createIdSource(fill: RandomFill): () => string {
  const pool = Buffer.alloc(ID_BYTES * POOL_IDS)
  let offset = pool.length
  return () => {
    if (offset === pool.length) {
      fill(pool)
      offset = 0
    }
    const start = offset
    offset += ID_BYTES
    return pool.toString('base64url', start, offset)
  }
}
