/**
 * What many build first, as a process of its own: fastify and one `nc.request` for each request. Here to compare with.
 */
import fastify from 'fastify'
import { connect } from 'nats'

const client = await connect({ servers: process.env.NATS_URL ?? 'nats://127.0.0.1:4222', name: 'bench-fastify' })
const app = fastify()
app.get('/bench/:id', async (_request, reply) => {
  const message = await client.request('bench.fastify', undefined, { timeout: 10_000 })
  reply.header('content-type', 'application/json')
  return Buffer.from(message.data)
})
const address = await app.listen({ host: '127.0.0.1', port: 0 })
process.stdout.write(`ready ${new URL(address).port}\n`)
