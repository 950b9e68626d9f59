import type { TestContext } from 'node:test'
import { connect, type NatsConnection } from 'nats'
import type { Child } from '../../src/dev/child.ts'
import type { BackendProgram } from '../support/backend-programs.ts'
import { eventually } from '../support/eventually.ts'
import { startNats, type TestNats } from '../support/nats.ts'
import type { Capability, ClientProtocol, RouterUnderTest } from './client.ts'
import { PREFIX } from './routes.ts'

/** One line of the table. It leaves the stage as it found it: all parts running, nothing under way. */
export interface Case {
  readonly name: string
  readonly needs?: readonly Capability[]
  /** Of the backend: that its streams go on after NATS was away. */
  readonly needsReconnect?: true
  run(stage: Stage, t: TestContext): Promise<void>
}

/** A nats-server, a backend and a router of its own for each column of the table. */
export class Stage {
  readonly protocol: ClientProtocol
  readonly program: BackendProgram
  readonly #parts: { server: TestNats; nats: NatsConnection; backend: Child; router: RouterUnderTest }

  private constructor(protocol: ClientProtocol, program: BackendProgram, parts: Stage['parts']) {
    this.protocol = protocol
    this.program = program
    this.#parts = parts
  }

  static async start(protocol: ClientProtocol, program: BackendProgram): Promise<Stage> {
    const server = await startNats()
    try {
      const nats = await connect({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 })
      const backend = await program.start(server.url, 'sx', PREFIX)
      const router = await protocol.startRouter(server.url)
      return new Stage(protocol, program, { server, nats, backend, router })
    } catch (error) {
      await server.stop()
      throw error
    }
  }

  get parts() {
    return this.#parts
  }

  get router(): RouterUnderTest {
    return this.#parts.router
  }

  /** A connection of the test's own. */
  get nats(): NatsConnection {
    return this.#parts.nats
  }

  get backend(): Child {
    return this.#parts.backend
  }

  /** What the backend says of itself. */
  async openStreams(): Promise<number> {
    return Number((await this.nats.request(`${PREFIX}.open`, '', { timeout: 1000 })).string())
  }

  /** Both ends have let go of all exchanges. */
  async assertIdle(): Promise<void> {
    await eventually('the backend has no stream', async () => (await this.openStreams()) === 0)
    await this.router.assertIdle()
  }

  async restartBackend(): Promise<void> {
    await this.backend.stop()
    this.#parts.backend = await this.program.start(this.#parts.server.url, 'sx', PREFIX)
  }

  async restartRouter(): Promise<void> {
    await this.router.close()
    this.#parts.router = await this.protocol.startRouter(this.#parts.server.url)
  }

  /** SIGKILL, and back on the same port. */
  async restartNats(): Promise<void> {
    const { server } = this.#parts
    await server.kill()
    this.#parts.server = await startNats({ port: server.port })
  }

  async stop(): Promise<void> {
    const { server, nats, backend, router } = this.#parts
    await router.close()
    await backend.stop()
    await nats.close()
    await server.stop()
  }
}
