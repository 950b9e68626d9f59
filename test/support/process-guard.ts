import { ChildGuard } from '../../src/dev/child-guard.ts'

let guard: ChildGuard | undefined

/** One for this process, which keeps nothing waiting: it stops and removes what a test that was killed has left. */
export function processGuard(): ChildGuard {
  if (guard === undefined) {
    guard = new ChildGuard()
    guard.unref()
  }
  return guard
}
