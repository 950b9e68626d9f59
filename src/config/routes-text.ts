import { Document, isScalar, visit } from 'yaml'
import type { RouteDocument } from '../routing/spec.ts'

/** Writes routes as a file that `readRoutesFile` reads back the same. */
export function formatRoutes(routes: readonly RouteDocument[]): string {
  const document = new Document({ version: 1, routes })
  visit(document, {
    Seq(_key, sequence) {
      // `[GET, POST]` on one line. An empty list of routes too.
      if (sequence.items.every(isScalar)) sequence.flow = true
    },
    Map(key, map) {
      if (typeof key === 'number' && key > 0) map.spaceBefore = true
    },
  })
  return document.toString({ lineWidth: 0, flowCollectionPadding: false })
}
