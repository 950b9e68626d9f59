import { z } from 'zod'
import {
  checkRoutes,
  parseRoute,
  type RouteDocument,
  type RouteSpec,
  replySubjectIssue,
  routeDocumentSchema,
} from '../routing/spec.ts'
import { DocumentError, type Problem } from './document-error.ts'
import { byPlace, checkYaml, formatPath } from './located-yaml.ts'

const routesFileSchema = z.strictObject({ version: z.literal(1), routes: z.array(routeDocumentSchema) })

export interface RoutesFile {
  readonly specs: RouteSpec[]
  /** As written, in the order of the specs. */
  readonly documents: RouteDocument[]
}

/**
 * Reads a file of routes. Throws DocumentError with everything wrong in it: YAML, each route, and between routes.
 * @param inboxPrefix of the routers that are to serve them, where it is known
 */
export function readRoutesFile(text: string, file: string, inboxPrefix = '_INBOX'): RoutesFile {
  const { value, problems, document } = checkYaml(text, file, routesFileSchema)
  const routes = parseEach(document.value)
  const problemAt = (path: (string | number)[], message: string): Problem => ({
    file,
    ...document.placeOf(path),
    path: formatPath(path),
    message,
  })
  const ofInboxes = routes.flatMap(({ spec, index }) => {
    const issue = replySubjectIssue(spec, inboxPrefix)
    return issue === undefined ? [] : problemAt(['routes', index, ...issue.path], issue.message)
  })
  // Also when other routes are broken: who mends those should not meet a second list of problems afterwards.
  const between = checkRoutes(routes.map(({ spec }) => spec)).map(({ path: [, index, ...rest], message }) =>
    problemAt(['routes', routes[Number(index)]?.index ?? 0, ...rest], message),
  )
  const all = [...problems, ...ofInboxes, ...between]
  if (value === undefined || all.length > 0) throw new DocumentError(all.sort(byPlace))
  return { specs: routes.map(({ spec }) => spec), documents: value.routes }
}

interface IndexedRoute {
  readonly spec: RouteSpec
  /** In the file. */
  readonly index: number
}

/** The routes of a document that are right in themselves. */
function parseEach(document: unknown): IndexedRoute[] {
  const routes = typeof document === 'object' && document !== null && 'routes' in document ? document.routes : undefined
  if (!Array.isArray(routes)) return []
  return routes.flatMap((input: unknown, index): IndexedRoute[] => {
    const parsed = parseRoute(input)
    return parsed.ok ? [{ spec: parsed.spec, index }] : []
  })
}
