import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'

/** What dev applies where the user's settings name no file. */
export const DEFAULT_ROUTES_FILE = 'config/routes.yaml'

/** Where dev listens for multiplexed TCP connections by itself. */
export const MUX_HOST = '127.0.0.1'

/** What `dev` lays over the user's settings. */
export interface DevSettings {
  readonly port: number
  readonly adminPort: number
  /** Of a listener for multiplexed connections, where the user's file has no TCP listeners; undefined: it has. */
  readonly muxPort: number | undefined
}

type Section = Readonly<Record<string, unknown>>
type RouterDocument = Readonly<Record<string, Section | undefined>> & {
  readonly listen?: Readonly<Record<string, Section | undefined>>
}

/**
 * The settings file of the router that `dev` runs, as text: the user's file, if there is one and it has been checked,
 * with dev's ports, a short drain, and, where the user names none, the sample routes and a TCP listener.
 */
export async function createRouterDocument(userFile: string, settings: DevSettings): Promise<string> {
  const user = await readDocument(userFile)
  const document = {
    ...user,
    listen: {
      ...user.listen,
      http: { ...user.listen?.http, port: settings.port },
      admin: { ...user.listen?.admin, port: settings.adminPort },
      ...(settings.muxPort !== undefined && { tcp: [muxListener(settings.muxPort)] }),
    },
    routes: { file: DEFAULT_ROUTES_FILE, watch: true, ...user.routes },
    // An open stream should not hold up Ctrl-C for long.
    drain: { ...user.drain, timeout: '3s' },
  }
  // JSON is YAML.
  return `${JSON.stringify(document, null, 2)}\n`
}

function muxListener(port: number): Section {
  return { host: MUX_HOST, port, protocol: 'mux' }
}

async function readDocument(file: string): Promise<RouterDocument> {
  try {
    return (parse(await readFile(file, 'utf8')) as RouterDocument | null) ?? {}
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}
