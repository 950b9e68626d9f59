import { ChildGuard } from '../../src/dev/child-guard.ts'
import { ensureNatsServer, startNatsServer } from '../../src/dev/nats-server.ts'

export interface TestNats {
  readonly url: string
  readonly port: number
  readonly pid: number
  /** Asks it to end and waits. */
  stop(): Promise<void>
  /** As a crash: SIGKILL. */
  kill(): Promise<void>
  /** Freezes it: connections stay open and nothing answers. */
  pause(): void
  resume(): void
}

/** A private server on a free port, or on `port` to bring one back. Stop it, or the test process does not end. */
export async function startNats(
  options: { readonly port?: number; readonly args?: readonly string[] } = {},
): Promise<TestNats> {
  const guard = new ChildGuard()
  try {
    return await start(guard, options)
  } catch (error) {
    await guard.close()
    throw error
  }
}

let shared: Promise<TestNats> | undefined

/** The server that all tests share: the runner's, else one for this process. Choose subjects of your own. */
export async function natsUrl(): Promise<string> {
  const url = process.env.TEST_NATS_URL
  if (url) return url
  shared ??= startShared()
  return (await shared).url
}

async function startShared(): Promise<TestNats> {
  const guard = new ChildGuard()
  const nats = await start(guard, {})
  guard.unref()
  return nats
}

async function start(
  guard: ChildGuard,
  options: { readonly port?: number; readonly args?: readonly string[] },
): Promise<TestNats> {
  const binary = await ensureNatsServer(process.env, (line) => console.error(line))
  const { child, url, port } = await startNatsServer(guard, { binary, ...options })
  return {
    url,
    port,
    pid: child.pid!,
    stop: () => guard.close(),
    async kill() {
      child.signalGroup('SIGKILL')
      await guard.close()
    },
    pause: () => child.signal('SIGSTOP'),
    resume: () => child.signal('SIGCONT'),
  }
}
