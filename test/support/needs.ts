/**
 * For `skip`: why a test cannot run here, or false if it can. Where ENGINE_ROUTER_REQUIRE_ALL=1 says that all tools are
 * there, as in CI, a missing one fails the test file in place of being skipped.
 */
export function needs(isPresent: boolean, whatIsMissing: string): string | false {
  if (isPresent) return false
  if (process.env.ENGINE_ROUTER_REQUIRE_ALL === '1') throw new Error(`${whatIsMissing}: install it, as .ci/run does`)
  return whatIsMissing
}
