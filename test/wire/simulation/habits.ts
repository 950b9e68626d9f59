import type { MessageMeta } from '../../../src/exchange/exchange.ts'
import { Random } from './random.ts'
import type { Chunk } from './transcript.ts'

/** How the application behind one end behaves. */
export interface Habits {
  readonly chunks: readonly Chunk[]
  /** Longest pause before each chunk; 0: all at once. */
  readonly paceMs: number
  /** False: it cannot be stopped, and speaks on when it is told that the stream is full. */
  readonly heedsFull: boolean
  /** Says nothing before it has heard all. */
  readonly listensFirst: boolean
  /** How often it is full after a chunk. */
  readonly fullChance: number
  /** Longest time until it has room again; 0: it says so before it has said that it is full. */
  readonly drainMs: number
  /** When it gives up. */
  readonly resetAfterMs: number | undefined
  /** Gives up, or says that it has no more to say, in the midst of a call. */
  readonly interrupts: { readonly in: 'head' | 'data' | 'end' | 'drained'; readonly with: 'reset' | 'end' } | undefined
}

const BLOCK = createBlock(512 * 1024)
const MAX_TOTAL_BYTES = 300 * 1024
/** Tiny frames and windows are tried with little to say: they make many messages of it. */
const MAX_FRAMES = 100
const MAX_WINDOWS = 10

/**
 * @param maxBytes largest frame that the peer takes
 * @param windowBytes that it grants
 */
export function createHabits(random: Random, maxBytes: number, windowBytes: number, givesUp: boolean): Habits {
  return {
    chunks: createChunks(random, Math.min(maxBytes * MAX_FRAMES, windowBytes * MAX_WINDOWS)),
    paceMs: random.pick([0, 0, 5, 50, 3000]),
    heedsFull: random.chance(0.9),
    listensFirst: random.chance(0.3),
    fullChance: random.pick([0, 0, 0.1, 0.5, 1]),
    drainMs: random.pick([0, 1, 20, 1000]),
    resetAfterMs: givesUp && random.chance(0.1) ? random.below(random.pick([20, 2000])) : undefined,
    interrupts:
      givesUp && random.chance(0.15)
        ? { in: random.pick(['head', 'data', 'end', 'drained']), with: random.pick(['reset', 'end']) }
        : undefined,
  }
}

function createChunks(random: Random, maxTotalBytes: number): Chunk[] {
  const size = random.next()
  const limit = size < 0.5 ? 1024 : size < 0.95 ? 16 * 1024 : MAX_TOTAL_BYTES
  let rest = random.below(Math.min(limit, maxTotalBytes) + 1)
  const isMessages = random.chance(0.5)
  const chunks: Chunk[] = []
  for (let count = random.below(6); count >= 0; count--) {
    const bytes = count === 0 ? rest : random.below(rest + 1)
    rest -= bytes
    const at = random.below(BLOCK.length - bytes)
    chunks.push({ payload: BLOCK.subarray(at, at + bytes), meta: isMessages ? createMeta(random) : undefined })
  }
  return random.chance(0.1) ? [] : chunks
}

function createMeta(random: Random): MessageMeta {
  return {
    type: random.pick(['text', 'binary']),
    ...(random.chance(0.1) && { fin: false }),
    ...(random.chance(0.1) && { event: 'tick', id: String(random.below(1000)) }),
  }
}

function createBlock(bytes: number): Uint8Array {
  const random = new Random(1)
  return Uint8Array.from({ length: bytes }, () => random.below(256))
}
