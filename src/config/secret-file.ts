import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { ConfigError } from './config-error.ts'

/** No password or token is as long; a file that is was meant for something else. */
const MAX_LENGTH = 4096

/**
 * A password or a token that has a file of its own, as Docker and Kubernetes hand them in. The line's end at its end is
 * not part of it. Throws ConfigError, without any of the text.
 * @param key of the setting that names the file
 */
export async function readSecretFile(path: string, key: string, cwd: string): Promise<string> {
  let text: string
  try {
    text = (await readFile(resolve(cwd, path), 'utf8')).replace(/\r?\n$/, '')
  } catch (error) {
    throw new ConfigError(`${key}: ${path} cannot be read: ${(error as Error).message}`)
  }
  if (text !== '' && text.length <= MAX_LENGTH && !text.includes('\n')) return text
  throw new ConfigError(`${key}: ${path} should have one line, of at most ${MAX_LENGTH} characters`)
}
