import { type FrontEnd, findProgram } from './front-end.ts'

/** As little as HAProxy checks: what is no HTTP passes where the two may still agree on it. */
export const lenientHaproxy = haproxyWith('HAProxy that accepts invalid requests', 'option accept-invalid-http-request')
export const haproxy = haproxyWith('HAProxy', '')

function haproxyWith(name: string, option: string): FrontEnd {
  return {
    name,
    program: findProgram('haproxy'),
    argv: (config) => ['-db', '-f', config],
    configure(ports, routerPort) {
      const lanes = ports.map(
        (port, lane) => `
frontend in${lane}
  bind 127.0.0.1:${port}
  ${option}
  default_backend out${lane}
backend out${lane}
  server router 127.0.0.1:${routerPort} pool-max-conn 1
`,
      )
      // The server is <NOSRV> for what was not sent on.
      return `global
  nbthread 1
  log stdout format raw local0
defaults
  mode http
  log global
  log-format "%s %HM %HU"
  option http-keep-alive
  http-reuse always
  retries 0
  timeout connect 5s
  timeout server 5s
  timeout client 400ms
  timeout http-request 400ms
  timeout http-keep-alive 400ms
${lanes.join('')}`
    },
    parseLog(line) {
      const [, method, target] = /^router (\S+) (.*)$/.exec(line) ?? []
      return method === undefined || target === undefined
        ? undefined
        : { method: unescaped(method), target: unescaped(target) }
    },
  }
}

/** The log has `#7C` for a character that might do harm there. */
function unescaped(text: string): string {
  return text.replace(/#([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
