import type { ClientProtocol } from '../client.ts'
import { http } from './http.ts'
import { muxProtocols } from './mux.ts'
import { tcp } from './tcp.ts'
import { webSocket } from './web-socket.ts'

/** All client protocols. */
export const clientProtocols: readonly ClientProtocol[] = [http, webSocket, tcp, ...muxProtocols]
