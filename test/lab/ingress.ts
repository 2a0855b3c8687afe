import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Space } from './space.ts';

const BACKENDS = [9001, 9002] as const;

/** What stands behind a VIP on a node: nginx on port 8080 in front of two small HTTP backends. */
export function startIngress(space: Space, directory: string, node: string): void {
  const home = join(directory, `ingress-${node}`);
  mkdirSync(home, { recursive: true });
  const root = process.env['HERALDLB_ROOT'] ?? process.cwd();
  for (const [index, port] of BACKENDS.entries()) {
    const name = `backend-${'ab'[index] ?? index}`;
    space.start(node, [process.execPath, join(root, 'test/lab/backend.mjs'), node, name, String(port)], join(home, `${name}.log`));
  }
  writeFileSync(join(home, 'nginx.conf'), nginxConfig(home));
  space.start(node, ['nginx', '-p', home, '-c', join(home, 'nginx.conf'), '-g', 'daemon off;'], join(home, 'nginx.log'));
}

function nginxConfig(home: string): string {
  const upstream = BACKENDS.map((port) => `server 127.0.0.1:${port};`).join(' ');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `  ${kind}_temp_path ${home}/${kind};`).join('\n');
  return `worker_processes 1;
user root;
pid ${home}/nginx.pid;
error_log ${home}/error.log;
events { worker_connections 1024; }
http {
  access_log off;
${temporary}
  upstream backends { ${upstream} }
  server {
    listen 8080;
    listen [::]:8080;
    location / {
      proxy_pass http://backends;
      proxy_set_header X-Real-IP $remote_addr;
    }
  }
}
`;
}
