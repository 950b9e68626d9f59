import { type Claims, claimAt } from '../exchange/claims.ts'
import { CLOSED_SIDE } from '../exchange/closed-side.ts'
import { ExchangeError } from '../exchange/errors.ts'
import type { Dispatch, HeaderList, RequestHead } from '../exchange/exchange.ts'
import { isEncodingOf } from '../exchange/percent-encoding.ts'
import { decodePercent } from './percent.ts'
import type { LateParam } from './subject-params.ts'
import { isTooLong, tokenFault } from './subject-plan.ts'
import { isWorkspaceId, isWorkspaceName, type WorkspaceDirectory } from './workspace-directory.ts'

/** A late value in a rendered subject: `{name}`, with what the path had for it after `=`. No other token has a brace. */
const PLACE = /\{([^{}=]+)(?:=([^{}]*))?\}/g

/** Fills in what is known only after the policies: claims, and what a client may name once it is let in. */
export function fillLateParams(late: readonly LateParam[], workspaces: WorkspaceDirectory, next: Dispatch): Dispatch {
  return (request, client) => {
    const subject = fillSubject(request, late, workspaces)
    if (typeof subject === 'string') {
      request.subject = subject
      return next(request, client)
    }
    client.reset(subject)
    return CLOSED_SIDE
  }
}

function fillSubject(
  request: RequestHead,
  late: readonly LateParam[],
  workspaces: WorkspaceDirectory,
): string | ExchangeError {
  let error: ExchangeError | undefined
  const subject = request.subject.replace(PLACE, (place, name: string, captured: string | undefined, at: number) => {
    if (error !== undefined) return place
    const param = late.find((param) => param.name === name)!
    const value = tokenOf(param, captured, request, workspaces, at === 0)
    if (typeof value === 'string') {
      if (param.workspace) request.workspace = value
      return value
    }
    error = value
    return place
  })
  if (error !== undefined) return error
  return isTooLong(subject) ? invalid('The values for the subject are too long') : subject
}

function tokenOf(
  param: LateParam,
  captured: string | undefined,
  request: RequestHead,
  workspaces: WorkspaceDirectory,
  isFirst: boolean,
): string | ExchangeError {
  const found = param.source === 'path' ? captured : findValue(param, request)
  if (found instanceof ExchangeError) return found
  if (found === undefined) return missing(param, request)
  const what = `The value of ${describe(param)}`
  if (param.workspace) return workspaceId(found, what, workspaces)
  const fault = tokenFault(found, isFirst)
  return fault === undefined ? found : invalid(`${what} ${fault}`)
}

function findValue({ source, key }: LateParam, request: RequestHead): string | ExchangeError | undefined {
  switch (source) {
    case 'header':
      return onlyOne(headerValues(request, key), `the header ${key}`)
    case 'query':
      return onlyOne(queryValues(request.query, key), `the query's ${key}`)
    case 'host':
      return request.host.split('.')[Number(key)]
    default:
      return claimValue(request.identity?.claims ?? {}, key)
  }
}

/** Two of them may be read in one way here and in another way elsewhere. */
function onlyOne(values: readonly string[], what: string): string | ExchangeError | undefined {
  return values.length > 1 ? invalid(`There is more than one of ${what}`) : values[0]
}

/** As the backend gets them: what a policy says stands in place of what the client has sent. */
function headerValues({ headers, backendHeaders = [] }: RequestHead, name: string): string[] {
  const told = valuesNamed(backendHeaders, name)
  return told.length > 0 ? told : valuesNamed(headers, name)
}

function valuesNamed(fields: HeaderList, name: string): string[] {
  const values: string[] = []
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) values.push(fields[i + 1]!)
  return values
}

/** No more than two. */
function queryValues(query: string, name: string): string[] {
  const values: string[] = []
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=')
    if (equals < 0 || !isEncodingOf(pair.slice(0, equals), name)) continue
    // What cannot be decoded is no token, and is refused as one that holds a white space.
    values.push(decodePercent(pair.slice(equals + 1).replaceAll('+', ' ')) ?? ' ')
    if (values.length > 1) break
  }
  return values
}

/** Only what has one way to be written. */
function claimValue(claims: Claims, path: string): string | undefined {
  const value = claimAt(claims, path)
  return typeof value === 'string' || Number.isSafeInteger(value) ? String(value) : undefined
}

function workspaceId(value: string, what: string, workspaces: WorkspaceDirectory): string | ExchangeError {
  if (!isWorkspaceId(value) && !isWorkspaceName(value)) return invalid(`${what} is not the id or name of a workspace`)
  if (!workspaces.isLoaded) return new ExchangeError('busy', 'the table of workspaces is not loaded yet')
  return workspaces.idOf(value) ?? new ExchangeError('unknown_workspace', `no workspace ${value}`)
}

function missing(param: LateParam, request: RequestHead): ExchangeError {
  if (param.source !== 'claim') return invalid(`${describe(param)} is missing`)
  if (request.identity === undefined) return new ExchangeError('unauthorized', `no identity to take ${param.key} from`)
  return new ExchangeError('forbidden', `the credential lacks the claim ${param.key}, or it is no text`)
}

function describe({ name, source, key }: LateParam): string {
  if (source === 'path') return `\`${name}\` in the path`
  if (source === 'host') return `label ${key} of the host`
  return source === 'query' ? `\`${key}\` in the query` : `the ${source} \`${key}\``
}

function invalid(detail: string): ExchangeError {
  return new ExchangeError('subject_invalid', detail, { detail: detail.charAt(0).toUpperCase() + detail.slice(1) })
}
