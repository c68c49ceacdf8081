// Why: what a browser needs for a console comes from here and from nowhere else: two pages of ours and the files of noVNC and
// xterm.js that they load, by a list that is made once, so that no path of a request ever reaches the file system.

import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};

const folderOf = (specifier: string, ...up: string[]): string =>
  join(fileURLToPath(import.meta.resolve(specifier)), ...up);

/** The scripts below a folder, by their path there. */
const scriptsIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.js'));

/** Path in a URL to path on disk. */
function listFiles(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  const own = join(import.meta.dirname, 'pages');
  // the names that noVNC gives its pages; the address of a serial line is its socket's, and the page stands there too
  for (const path of ['/vnc_lite.html', '/vnc.html']) files.set(path, join(own, 'vnc.html'));
  for (const path of ['/', '/serial.html']) files.set(path, join(own, 'serial.html'));
  for (const name of ['console.js', 'vnc.js', 'serial.js', 'console.css']) files.set(`/${name}`, join(own, name));
  const novnc = folderOf('@novnc/novnc', '..', '..');
  for (const part of ['core', join('vendor', 'pako', 'lib')]) {
    for (const name of scriptsIn(join(novnc, part))) files.set(`/novnc/${part}/${name}`, join(novnc, part, name));
  }
  const xterm = folderOf('@xterm/xterm', '..', '..');
  files.set('/xterm/xterm.js', join(xterm, 'lib', 'xterm.mjs'));
  files.set('/xterm/xterm.css', join(xterm, 'css', 'xterm.css'));
  return files;
}

/** xterm.js makes its own styles; both draw pictures of data. A dashboard may show a console in a frame. */
const policyOf = (frameHosts: readonly string[]): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    `frame-ancestors 'self'${frameHosts.map((host) => ` ${host}`).join('')}`,
  ].join('; ');

/** @param frameHosts names of hosts whose pages may show a console in a frame */
export function consolePages(frameHosts: readonly string[]): RequestListener {
  const files = listFiles();
  const headers = {
    'Content-Security-Policy': policyOf(frameHosts),
    'X-Content-Type-Options': 'nosniff',
    // the address of a page is a secret while its token holds
    'Referrer-Policy': 'no-referrer',
  };

  return (request, response) => {
    const send = (status: number, type: string, caching: string, body: string | Buffer) => {
      response.writeHead(status, {
        ...headers,
        'Content-Type': type,
        'Content-Length': Buffer.byteLength(body),
        'Cache-Control': caching,
      });
      response.end(request.method === 'HEAD' ? undefined : body);
    };
    const file = files.get((request.url ?? '/').replace(/\?.*/s, ''));
    if (file === undefined || (request.method !== 'GET' && request.method !== 'HEAD')) {
      return send(404, 'text/plain; charset=utf-8', 'no-store', 'There is no such page.\n');
    }
    const type = extname(file);
    readFile(file).then(
      (body) => send(200, types[type] as string, type === '.html' ? 'no-store' : 'max-age=3600', body),
      () => send(500, 'text/plain; charset=utf-8', 'no-store', 'The page could not be read.\n'),
    );
  };
}
