import { type FrontEnd, findProgram } from './front-end.ts'

/** Waits for what never comes this long. */
const PATIENCE = '400ms'

/** nginx, which checks a request and writes it anew; bodies pass as they come. */
export const nginx: FrontEnd = {
  name: 'nginx',
  program: findProgram('nginx'),
  argv: (config, directory) => ['-p', directory, '-c', config, '-e', 'stderr'],
  configure(ports, routerPort, directory) {
    const lanes = ports.map(
      (port, lane) => `
  upstream router${lane} { server 127.0.0.1:${routerPort}; keepalive 1; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://router${lane};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_request_buffering off;
      proxy_next_upstream off;
    }
  }`,
    )
    return `daemon off;
master_process off;
pid ${directory}/pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${directory}/${name};`).join(' ')}
  log_format requests escape=json '{"method":"$request_method","target":"$request_uri","upstream":"$upstream_addr"}';
  access_log /dev/stdout requests;
  client_header_timeout ${PATIENCE};
  client_body_timeout ${PATIENCE};
  keepalive_timeout ${PATIENCE};
  ${lanes.join('')}
}
`
  },
  parseLog(line) {
    if (!line.startsWith('{')) return undefined
    const { method, target, upstream } = JSON.parse(line) as Record<string, string>
    return upstream === '' ? undefined : { method: method!, target: target! }
  },
}
