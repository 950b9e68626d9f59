/** What the client needs of a WebSocket: that of browsers, of Node 22, of the package ws. */
export interface WebSocketLike {
  binaryType: string
  readonly protocol: string
  send(data: string | Uint8Array<ArrayBuffer>): void
  close(code?: number, reason?: string): void
  addEventListener(type: 'open' | 'error' | 'close', listener: () => void): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
}

export type WebSocketConstructor = new (url: string, protocol: string) => WebSocketLike

/** How frames are written: `bin` is smaller and faster, `json` can be read in a browser's developer tools. */
export type Encoding = 'bin' | 'json'
