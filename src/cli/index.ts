import type { Verb } from './verb.ts'

/** Every verb, in the order of the help. A new verb is one file and one line here. */
export const VERBS: readonly Verb[] = []
