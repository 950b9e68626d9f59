import type { NatsConnection } from 'nats'
import type { MicroService } from '../exchange/micro-service.ts'
import { type CollectOptions, collectAnswers } from './collect-answers.ts'

const MAX_SERVICES = 1000

/**
 * The micro services that say who they are (`$SRV.INFO`) within the time.
 * @param isWanted true: this one is enough
 */
export async function discoverServices(
  client: NatsConnection,
  options: CollectOptions,
  isWanted: (service: MicroService) => boolean = () => false,
): Promise<MicroService[]> {
  const found: MicroService[] = []
  await collectAnswers(client, '$SRV.INFO', options, (answer) => {
    const service = readServiceInfo(answer)
    return found.push(service) === MAX_SERVICES || isWanted(service)
  })
  return found
}

/** @throws TypeError if it is none */
function readServiceInfo(answer: unknown): MicroService {
  const { name, id, version, endpoints } = answer as {
    readonly name: unknown
    readonly id: unknown
    readonly version: unknown
    readonly endpoints: readonly { readonly subject: unknown }[]
  }
  const subjects = endpoints.map(({ subject }) => String(subject))
  return { name: String(name), id: String(id), version: String(version), subjects }
}
