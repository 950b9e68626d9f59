import type { FuzzTarget } from '../target.ts'
import { httpTarget } from './http.ts'
import { muxTarget } from './mux.ts'
import { patternsTarget } from './patterns.ts'
import { proxyTarget } from './proxy.ts'
import { subjectsTarget } from './subjects.ts'
import { sxTarget } from './sx.ts'
import { u32Target } from './u32.ts'
import { webSocketTarget } from './websocket.ts'
import { routerYamlTarget, routesYamlTarget } from './yaml.ts'

/** All that bytes from outside meet. */
export const TARGETS: readonly FuzzTarget[] = [
  httpTarget,
  webSocketTarget,
  muxTarget,
  proxyTarget,
  u32Target,
  sxTarget,
  routesYamlTarget,
  routerYamlTarget,
  patternsTarget,
  subjectsTarget,
]
