/**
 * A path, with its query, as a request has it: what no URL can hold is percent-encoded, the rest is as it was.
 * @throws TypeError if it is none
 */
export function requestTarget(path: string): string {
  if (!path.startsWith('/')) throw new TypeError(`a path begins with a slash: ${path}`)
  if (path.includes('#')) throw new TypeError(`a path has no fragment, write # as %23: ${path}`)
  return path.toWellFormed().replace(/[^\x21-\x7e]+/g, encodeURIComponent)
}
