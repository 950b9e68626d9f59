import type { Faults } from './network.ts'
import type { Scenario } from './simulate.ts'

const CALM: Faults = { loss: 0, duplicate: 0, falseNoResponders: 0, death: 0, outage: 0, serverDeath: false }

/** Nothing goes wrong that a stream must not survive: every exchange is whole. */
export const SURVIVABLE = {
  'a network without faults': { faults: CALM, givesUp: false },
  'duplicates and loss of accept and credit': {
    faults: { ...CALM, duplicate: 0.1, loss: 0.3, losesOnly: ['accept', 'credit'] },
    givesUp: false,
  },
} satisfies Record<string, Scenario>

/** An exchange that loses nothing with the server is whole, and any other is not. */
export const SERVER_DEATH: Scenario = { faults: { ...CALM, serverDeath: true }, givesUp: false }

/** What was heard is right as far as it goes, and both ends come to an end. */
export const HOSTILE = {
  'applications that give up': { faults: CALM, givesUp: true },
  'rare loss': { faults: { ...CALM, loss: 0.01, duplicate: 0.01 }, givesUp: false },
  'false 503s': { faults: { ...CALM, falseNoResponders: 0.05 }, givesUp: false },
  'processes that die': { faults: { ...CALM, death: 0.3 }, givesUp: false },
  'connections that are lost': { faults: { ...CALM, outage: 0.4 }, givesUp: false },
  'everything at once': {
    faults: { loss: 0.05, duplicate: 0.05, falseNoResponders: 0.01, death: 0.1, outage: 0.2, serverDeath: false },
    givesUp: true,
  },
} satisfies Record<string, Scenario>
