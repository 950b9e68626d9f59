import type * as uws from 'uWebSockets.js'
import type { RecognizedString, WebSocket } from 'uWebSockets.js'

/** What uWebSockets takes beyond our own limit, so that an oversize request meets our answer and not its own. */
const MARGIN_BYTES = 4096

/** With the methods that uWebSockets' types do not know. */
export interface FragmentingWebSocket<UserData> extends WebSocket<UserData> {
  sendFirstFragment(part: RecognizedString, isBinary: boolean): number
  sendFragment(part: RecognizedString): number
  sendLastFragment(part: RecognizedString): number
}

/**
 * Loads uWebSockets.js. It reads the size of its header buffer from the environment once, when it is loaded.
 * @param maxHeadBytes request line and header fields together
 */
export async function loadUws(maxHeadBytes: number): Promise<typeof uws> {
  process.env.UWS_HTTP_MAX_HEADERS_SIZE ??= String(maxHeadBytes + MARGIN_BYTES)
  return import('uWebSockets.js')
}
