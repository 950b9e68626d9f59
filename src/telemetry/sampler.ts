import { type SpanContext, TraceFlags } from '@opentelemetry/api'

/** Whether a span is recorded. `parent` is undefined where a trace begins. */
export type Sampler = (traceId: string, parent: SpanContext | undefined) => boolean

const PARENT_BASED = 'parentbased_'

/**
 * The samplers of OpenTelemetry by the names that `OTEL_TRACES_SAMPLER` has for them.
 * @param argument of a ratio, 0 to 1
 */
export function createSampler(name: string, argument: string | undefined): Sampler {
  if (!name.startsWith(PARENT_BASED)) return createRootSampler(name, argument)
  const root = createRootSampler(name.slice(PARENT_BASED.length), argument)
  return (traceId, parent) =>
    parent === undefined ? root(traceId, parent) : (parent.traceFlags & TraceFlags.SAMPLED) !== 0
}

function createRootSampler(name: string, argument: string | undefined): Sampler {
  if (name === 'always_on') return () => true
  if (name === 'always_off') return () => false
  if (name !== 'traceidratio') throw new Error(`there is no sampler ${name}`)
  const ratio = Number(argument)
  const bound = ratio === 1 ? 2 ** 32 : Math.floor(ratio * 0xffffffff)
  return (traceId) => isBelow(traceId, bound)
}

/** As the SDKs of OpenTelemetry for JavaScript decide, so that programs with the same ratio agree on a trace. */
function isBelow(traceId: string, bound: number): boolean {
  let accumulated = 0
  for (let i = 0; i < traceId.length; i += 8) accumulated ^= Number.parseInt(traceId.slice(i, i + 8), 16)
  return accumulated >>> 0 < bound
}
