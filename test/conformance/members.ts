import { connect, type NatsConnection } from 'nats'
import { type BackendExchange, type Service, serve } from '../../src/backend/index.ts'

interface Member {
  readonly name: string
  readonly nats: NatsConnection
  readonly service: Service
}

/**
 * Members of one queue, which come and go while they echo lines. Each line is `ID NUMBER ...` of one stream: a member
 * that is sent the line of a stream which another has taken, or one out of order, notes it.
 */
export class Members {
  readonly strays: string[] = []
  killed = 0
  drained = 0
  readonly #natsUrl: string
  readonly #subject: string
  readonly #members: Member[] = []
  /** Who has taken a stream, and the last line of it. */
  readonly #taken = new Map<string, { readonly member: string; number: number }>()
  readonly #leaving: Promise<void>[] = []
  #named = 0

  constructor(natsUrl: string, subject: string) {
    this.#natsUrl = natsUrl
    this.#subject = subject
  }

  async join(): Promise<void> {
    const name = `member ${this.#named++}`
    const nats = await connect({ servers: this.#natsUrl, reconnect: false })
    const service = await serve({ nats, name: 'member', version: '1.0.0', onError: () => {} })
    service.exchange(this.#subject, (x) => this.#echo(name, x))
    await service.flush()
    this.#members.push({ name, nats, service })
  }

  /** The oldest closes its connection, without a word to anybody. */
  async kill(): Promise<void> {
    this.killed++
    const { nats, service } = this.#members.shift()!
    await nats.close()
    this.#leaving.push(service.drain(0))
  }

  /** The oldest takes nothing new, and leaves when it is done. */
  drain(): void {
    this.drained++
    const { nats, service } = this.#members.shift()!
    this.#leaving.push(service.drain(5000).then(() => nats.close()))
  }

  async close(): Promise<void> {
    while (this.#members.length > 0) this.drain()
    await Promise.all(this.#leaving)
  }

  async #echo(member: string, x: BackendExchange): Promise<void> {
    let text = ''
    for await (const { data } of x) {
      // A protocol of bytes may cut a line anywhere.
      text += Buffer.from(data).toString()
      const lines = text.split('\n')
      text = lines.pop()!
      for (const line of lines) this.#note(member, line)
      await x.send(data)
    }
  }

  #note(member: string, line: string): void {
    const [id = '', number = ''] = line.split(' ')
    const taken = this.#taken.get(id)
    if (taken === undefined && number === '0') this.#taken.set(id, { member, number: 0 })
    else if (taken?.member !== member || taken.number + 1 !== Number(number)) {
      this.strays.push(`${member} got line ${number} of ${id}, which ${taken?.member ?? 'nobody'} has taken`)
    } else taken.number++
  }
}
