import { isIP } from 'node:net'

/** Whether a text is an IP address, or a range of them in CIDR notation. */
export function isAddressRange(text: string): boolean {
  const match = /^([0-9a-fA-F:.]+)(?:\/(\d{1,3}))?$/.exec(text)
  if (match === null) return false
  const family = isIP(match[1]!)
  return family !== 0 && (match[2] === undefined || Number(match[2]) <= (family === 4 ? 32 : 128))
}
