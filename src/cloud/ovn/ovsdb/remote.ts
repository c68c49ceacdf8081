// Why: addresses of databases have OVN's syntax: unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT.

import { readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';

export type Remote =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp' | 'ssl'; readonly host: string; readonly port: number };

/** TLS files: the trusted authority, and our certificate and key. */
export interface TlsFiles {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** Parses an address; null: it is invalid. IPv6 addresses are in brackets. */
export function parseRemote(text: string): Remote | null {
  if (/^unix:\/./.test(text)) return { kind: 'unix', path: text.slice('unix:'.length) };
  const found = /^(tcp|ssl):(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/\s]+)):(\d{1,5})$/.exec(text);
  const port = Number(found?.[4]);
  if (found === null || port < 1 || port > 65_535) return null;
  return { kind: found[1] as 'tcp' | 'ssl', host: found[2] ?? found[3] ?? '', port };
}

/** Starts to connect; `open` is the event that the socket emits when it is connected. */
export function openRemote(
  remote: Remote,
  files: TlsFiles | null,
): { readonly socket: net.Socket; readonly open: string } {
  if (remote.kind === 'unix') return { socket: net.connect(remote.path), open: 'connect' };
  const { host, port } = remote;
  if (remote.kind === 'tcp') return { socket: net.connect({ host, port, noDelay: true }), open: 'connect' };
  if (files === null) throw new Error('TLS wants the files of its authority, certificate and key');
  const [ca, cert, key] = [files.ca, files.certificate, files.key].map((path) => readFileSync(path));
  // OVN's certificates name no hosts: any certificate of its authority is trusted, as OVN's own programs do
  const checkServerIdentity = () => undefined;
  const socket = tls.connect({
    host,
    port,
    ca,
    cert,
    key,
    checkServerIdentity,
    minVersion: 'TLSv1.2',
  } as tls.ConnectionOptions);
  return { socket, open: 'secureConnect' };
}
