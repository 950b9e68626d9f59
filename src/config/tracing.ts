import { didYouMean } from '../schema/nearest.ts'
import { ConfigError } from './config-error.ts'

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
]

/**
 * Whether the environment asks for traces: it says where they go, or that they go. The rest of `OTEL_*` is the SDK's to
 * read; what that would pass over in silence, or replace by a default, is refused here. Throws ConfigError.
 */
export function isTracingOn(env: NodeJS.ProcessEnv): boolean {
  const exporter = env.OTEL_TRACES_EXPORTER || undefined
  const endpoints = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'].filter((name) => env[name])
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || exporter === 'none') return false
  if (exporter === undefined && endpoints.length === 0) return false

  const problems: string[] = []
  if (exporter !== undefined && exporter !== 'otlp') {
    problems.push(`OTEL_TRACES_EXPORTER: expected otlp or none; got ${exporter}`)
  }
  for (const name of endpoints) {
    if (!/^https?:\/\//.test(env[name]!) || !URL.canParse(env[name]!)) {
      problems.push(`${name}: expected a URL such as http://127.0.0.1:4318`)
    }
  }
  const [protocol] = ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'].filter((name) => env[name])
  if (protocol !== undefined && env[protocol] !== 'http/protobuf') {
    problems.push(
      `${protocol}: expected http/protobuf, which collectors take on port 4318 by default; got ${env[protocol]}`,
    )
  }
  problems.push(...samplerProblems(env.OTEL_TRACES_SAMPLER || SAMPLERS[3]!, env.OTEL_TRACES_SAMPLER_ARG))
  if (problems.length > 0) throw new ConfigError(problems.join('\n'))
  return true
}

function samplerProblems(sampler: string, argument = ''): string[] {
  if (!SAMPLERS.includes(sampler)) {
    return [`OTEL_TRACES_SAMPLER: expected one of ${SAMPLERS.join(', ')}${didYouMean(sampler, SAMPLERS)}`]
  }
  const isRatio = sampler.endsWith('traceidratio')
  if (!isRatio || (/^[\d.]+$/.test(argument) && Number(argument) <= 1)) return []
  return [`OTEL_TRACES_SAMPLER_ARG: expected a part of all requests from 0 to 1, such as 0.1, for ${sampler}`]
}
