import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import type { Dispatch } from '../../../src/exchange/exchange.ts'
import { eventually } from '../../support/eventually.ts'
import { startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'

test('a backend that has ended and takes no more hears that its client is gone', async () => {
  const heard: string[] = []
  /** Takes nothing, and ends its own direction with the first that comes. */
  const dispatch: Dispatch = (_, client) => {
    client.head({ status: 200, headers: [], length: -1, messages: false })
    return {
      data() {
        heard.push('data')
        setImmediate(() => client.end())
        return false
      },
      end: () => void heard.push('end'),
      reset: () => void heard.push('reset'),
      drained() {},
    }
  }
  const gateway = await startGateway({
    natsUrl: await natsUrl(),
    routes: [{ name: 'tcp', match: { kind: 'tcp' }, subject: 'nobody' }],
    tcp: [{ protocol: 'raw', route: 'tcp' }],
    admit: (service) => ({ ...service, dispatch }),
  })
  try {
    const client = connect(gateway.tcp.ports[0]!, '127.0.0.1')
    client.end('x')
    client.resume()
    await once(client, 'close')
    await eventually('the router is done with it', () => gateway.tcp.connections === 0)
    assert.deepEqual(heard, ['data', 'reset'])
  } finally {
    await gateway.close()
  }
})
