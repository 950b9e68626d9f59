import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { TestContext } from 'node:test'
import { ChildGuard } from '../../src/dev/child-guard.ts'
import { needs } from './needs.ts'

const binary = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  .map((directory) => join(directory, 'haproxy'))
  .find((path) => existsSync(path))

export const noHaproxy = needs(binary !== undefined, 'haproxy is not installed (apt-get install haproxy)')

/** Its path; only where `noHaproxy` is false. */
export function haproxyBinary(): string {
  if (binary === undefined) throw new Error(String(noHaproxy))
  return binary
}

/** Runs until the test is over; it listens a moment later. @param env what its configuration takes from there */
export function startHaproxy(t: TestContext, configFile: string, env: Readonly<Record<string, string>>): void {
  const guard = new ChildGuard()
  t.after(() => guard.close())
  guard.spawn({
    name: 'haproxy',
    command: haproxyBinary(),
    args: ['-db', '-f', configFile],
    env,
    // An orderly stop waits for the last connection; this is the hard one.
    stopSignal: 'SIGTERM',
  })
}
