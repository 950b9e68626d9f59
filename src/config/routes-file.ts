import { z } from 'zod'
import { checkRoutes, parseRoute, type RouteDocument, type RouteSpec, routeDocumentSchema } from '../routing/spec.ts'
import { DocumentError, type Problem } from './document-error.ts'
import { byPlace, checkYaml, formatPath } from './located-yaml.ts'

const routesFileSchema = z.strictObject({ version: z.literal(1), routes: z.array(routeDocumentSchema) })

export interface RoutesFile {
  readonly specs: RouteSpec[]
  /** As written, in the order of the specs. */
  readonly documents: RouteDocument[]
}

/** Reads a file of routes. Throws DocumentError with everything wrong in it: YAML, each route, and between routes. */
export function readRoutesFile(text: string, file: string): RoutesFile {
  const { value, problems, document } = checkYaml(text, file, routesFileSchema)
  const routes = parseEach(document.value)
  // Also when other routes are broken: who mends those should not meet a second list of problems afterwards.
  const between = checkRoutes(routes.map(({ spec }) => spec)).map(({ path: [, index, ...rest], message }): Problem => {
    const path = ['routes', routes[Number(index)]?.index ?? 0, ...rest]
    return { file, ...document.placeOf(path), path: formatPath(path), message }
  })
  if (value === undefined || problems.length + between.length > 0) {
    throw new DocumentError([...problems, ...between].sort(byPlace))
  }
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
