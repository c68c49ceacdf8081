// Why: operators put nginx or HAProxy before the service, with TLS and below a path. Tests do as they do, with the programs themselves.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually, freePort } from './serve.ts';

const run = promisify(execFile);

export type FrontName = 'nginx' | 'haproxy';

const programs: Readonly<Record<FrontName, string>> = { nginx: '/usr/sbin/nginx', haproxy: '/usr/sbin/haproxy' };

/** Why there can be no such front; false when there can. */
export const withoutFront = (name: FrontName): string | false =>
  existsSync(programs[name]) ? false : `${programs[name]} is not installed`;

export interface Front {
  /** `https://127.0.0.1:8443/openstack` */
  readonly url: string;
  /** The certificate that its clients trust. */
  readonly certificate: string;
  close(): Promise<void>;
}

const PREFIX = '/openstack';

/**
 * What makes each a front of ours: how it passes on consoles and images, who it says that its client is, and that it passes on nothing
 * that the client says of it. As it stands in docs/operating.md, which is compared.
 */
export const frontLines: Readonly<Record<FrontName, (backend: number) => readonly [string, ...string[]]>> = {
  nginx: (backend) => [
    "map $http_upgrade $connection_kind { default upgrade; '' close; }",
    `location ${PREFIX}/ {`,
    `proxy_pass http://127.0.0.1:${backend}/;`,
    'proxy_http_version 1.1;',
    'proxy_set_header Upgrade $http_upgrade;',
    'proxy_set_header Connection $connection_kind;',
    'client_max_body_size 0;',
    'proxy_request_buffering off;',
    'proxy_set_header X-Forwarded-For $remote_addr;',
    'proxy_set_header X-Forwarded-Proto $scheme;',
    'proxy_set_header X-Forwarded-Host $http_host;',
    `proxy_set_header X-Forwarded-Prefix ${PREFIX};`,
    'proxy_set_header Forwarded "";',
    '}',
  ],
  haproxy: () => [
    'frontend front',
    'http-request set-header X-Forwarded-For %[src]',
    'http-request set-header X-Forwarded-Proto https',
    'http-request set-header X-Forwarded-Host %[req.hdr(Host)]',
    `http-request set-header X-Forwarded-Prefix ${PREFIX}`,
    'http-request del-header Forwarded',
    `http-request replace-path ${PREFIX}(/.*) \\1`,
  ],
};

const configurations: Readonly<Record<FrontName, (dir: string, port: number, backend: number) => string>> = {
  nginx(dir, port, backend) {
    const [map, ...location] = frontLines.nginx(backend);
    return `
daemon off;
master_process off;
pid ${dir}/pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path ${dir}/body;
  proxy_temp_path ${dir}/proxy;
  fastcgi_temp_path ${dir}/fastcgi;
  uwsgi_temp_path ${dir}/uwsgi;
  scgi_temp_path ${dir}/scgi;
  ${map}
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${dir}/certificate.pem;
    ssl_certificate_key ${dir}/key.pem;
    ${location.join('\n    ')}
  }
}
`;
  },
  haproxy(dir, port, backend) {
    const [frontend, ...lines] = frontLines.haproxy(backend);
    return `
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
${frontend}
  bind 127.0.0.1:${port} ssl crt ${dir}/both.pem
  http-request deny deny_status 404 unless { path_beg ${PREFIX}/ }
  ${lines.join('\n  ')}
  default_backend back
backend back
  server service 127.0.0.1:${backend}
`;
  },
};

async function makeCertificate(dir: string): Promise<string> {
  const certificate = join(dir, 'certificate.pem');
  const key = join(dir, 'key.pem');
  await run('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', certificate],
  ]);
  writeFileSync(join(dir, 'both.pem'), readFileSync(certificate, 'utf8') + readFileSync(key, 'utf8'), { mode: 0o600 });
  return certificate;
}

const answers = (port: number): Promise<true | null> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(null));
  });

/** A place for a front, which must be known before what stands behind it starts. */
export async function placeFront(name: FrontName): Promise<{ url: string; begin(backend: string): Promise<Front> }> {
  const port = await freePort();
  const url = `https://127.0.0.1:${port}${PREFIX}`;
  return {
    url,
    async begin(backend) {
      const dir = await mkdtemp(join(tmpdir(), `xloud-${name}-`));
      const certificate = await makeCertificate(dir);
      const file = join(dir, 'conf');
      writeFileSync(file, configurations[name](dir, port, Number(new URL(backend).port)));
      const words = name === 'nginx' ? ['-p', dir, '-c', file] : ['-db', '-f', file];
      let said = '';
      const child: ChildProcess = spawn(programs[name], words, { stdio: ['ignore', 'ignore', 'pipe'] });
      child.stderr?.on('data', (bytes: Buffer) => (said += bytes.toString()));
      await eventually(name, 10_000, () => {
        if (child.exitCode !== null) throw new Error(`${name} ended: ${said}`);
        return answers(port);
      });
      return {
        url,
        certificate,
        async close() {
          const ended = new Promise((resolve) => child.once('exit', resolve));
          child.kill('SIGKILL');
          await ended;
          await rm(dir, { recursive: true, force: true });
        },
      };
    },
  };
}
