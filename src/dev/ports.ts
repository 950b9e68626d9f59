import { createServer } from 'node:net'
import { VerbError } from '../cli/verb.ts'

/** Throws, naming the flag that chooses another, if a program listens on this port already. */
export async function assertPortFree(port: number, host: string, flag: string): Promise<void> {
  if (await isPortFree(port, host)) return
  throw new VerbError(
    `port ${port} is taken by another program: stop that, or choose another port with \`npm run dev -- ${flag} PORT\``,
  )
}

/** The first of some ports that no program listens on. */
export async function findFreePort(from: number, host: string): Promise<number> {
  const to = from + 100
  for (let port = from; port < to; port++) if (await isPortFree(port, host)) return port
  throw new VerbError(`all ports from ${from} to ${to - 1} are taken by other programs`)
}

export async function isPortFree(port: number, host: string): Promise<boolean> {
  const server = createServer()
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, resolve)
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false
    throw error
  }
  await new Promise((resolve) => server.close(resolve))
  return true
}
