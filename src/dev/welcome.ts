import type { createPaint } from '../cli/print.ts'
import type { Session } from './session.ts'

export interface WelcomeOptions {
  readonly isTraced: boolean
  readonly paint: ReturnType<typeof createPaint>
}

/** What a person reads once all of it runs: where it is, and commands to paste. */
export function welcome(session: Session, { isTraced, paint }: WelcomeOptions): string {
  const { url, adminUrl, isOnAllAddresses, mux, natsUrl, routesFile, backend } = session
  const isTls = url.startsWith('https:')
  const curl = isTls ? 'curl -k' : 'curl'
  const trusting = isTls ? 'NODE_TLS_REJECT_UNAUTHORIZED=0 ' : ''
  const script =
    `w=new WebSocket("${url.replace('http', 'ws')}/echo");` +
    'w.onopen=()=>w.send("hello");w.onmessage=m=>{console.log(m.data);w.close()}'
  const places = `${url} for clients, ${adminUrl} for operators, ${natsUrl ?? 'NATS_URL'} for backends`
  const commands = [
    `${curl} ${url}/hello/world`,
    `${curl} ${url}/echo -H 'content-type: text/plain' -d 'hello'`,
    `${curl} -N ${url}/ticks -H 'accept: text/event-stream'`,
    `${trusting}npm exec -- node -e '${script}'`,
    ...(mux ? [`printf '{"t":"open","id":1,"path":"/hello/tcp"}\\n' | nc -w 1 ${mux.host} ${mux.port}`] : []),
    `curl ${adminUrl}/metrics`,
    'npm run router -- routes explain GET /hello/world',
    ...(isTraced ? [`${trusting}npm run router -- trace GET ${url}/hello/world`] : []),
    ...(backend ? [`kill ${backend.pid}`.padEnd(42) + paint('dim', '# no backend: the next request gets 503')] : []),
  ]
  return [
    '',
    `${paint('bold', 'engine-router is ready')}: ${places}`,
    ...(isOnAllAddresses ? ['Clients of other machines reach it too: `listen.http.host` is all addresses.'] : []),
    '',
    ...commands.map((command) => `  ${command}`),
    '',
    ...tlsNotes(isTls, session.wantsCertificates),
    `Edit ${routesFile} and save: the router follows. Ctrl-C ends all of it.`,
    '',
    '',
  ].join('\n')
}

function tlsNotes(isTls: boolean, wantsCertificates: boolean): string[] {
  if (!isTls) return []
  const notes = [
    '-k and NODE_TLS_REJECT_UNAUTHORIZED=0 take any certificate, such as one that you have signed yourself.',
  ]
  if (wantsCertificates) notes.push('The router wants one of its clients too: add --cert FILE --key FILE to curl.')
  return [...notes, '']
}
