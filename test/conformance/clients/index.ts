import type { ClientProtocol } from '../client.ts'
import { http } from './http.ts'

/** All that the table is run with. */
export const clientProtocols: readonly ClientProtocol[] = [http]
