/** A plain NATS responder as a process of its own: answers every request on `bench.>` with a small JSON document. */
import { connect } from 'nats'

const reply = Buffer.from('{"hello":"world","from":"a plain responder"}')
const client = await connect({ servers: process.env.NATS_URL ?? 'nats://127.0.0.1:4222', name: 'bench-responder' })
client.subscribe('bench.>', { queue: 'q', callback: (_error, message) => void message.respond(reply) })
await client.flush()
process.stdout.write('ready\n')
