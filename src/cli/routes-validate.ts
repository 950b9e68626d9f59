import { DocumentError } from '../config/document-error.ts'
import { CONFIG_OPTIONS, loadVerbConfig } from './config-options.ts'
import { printJson, printLine } from './print.ts'
import { readGivenRoutes } from './routes-source.ts'
import type { Verb } from './verb.ts'

export const verb: Verb = {
  usage: '[FILE|-]',
  options: {
    json: { type: 'boolean', description: 'Print one JSON document, with every problem' },
    config: CONFIG_OPTIONS.config,
  },
  examples: ['engine-router routes validate config/routes.yaml'],
  async run(args, io) {
    const config = await loadVerbConfig(args, io)
    const json = args.options.json === true
    try {
      const { file, specs } = await readGivenRoutes(args, config, io)
      if (json) printJson(io, { valid: true, file, routes: specs.length, problems: [] })
      else printLine(io, `${file} is valid: ${specs.length} ${specs.length === 1 ? 'route' : 'routes'}`)
      return 0
    } catch (error) {
      if (!json || !(error instanceof DocumentError)) throw error
      printJson(io, { valid: false, problems: error.problems })
      return 1
    }
  },
}
