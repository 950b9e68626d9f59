import { access, constants } from 'node:fs/promises'
import { POLICY_KINDS } from './index.ts'
import type { PolicySpec } from './policy-list.ts'

/** The files that a policy reads, by their paths as its options have them. */
export function filesOf({ kind, options }: PolicySpec): readonly string[] {
  return POLICY_KINDS.find(({ name }) => name === kind)?.files?.(options) ?? []
}

/** Why a file cannot be read on this machine, for a person; undefined: it can. It is not opened, as it may be a pipe. */
export async function fileFault(path: string): Promise<string | undefined> {
  try {
    await access(path, constants.R_OK)
    return undefined
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? 'does not exist' : `cannot be read: ${message}`
  }
}
