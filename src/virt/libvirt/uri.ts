// Why: operators know libvirt's connection URIs; libvirt.so parses them in a C client, so here it is ours to do. Says which socket
// to open and which driver to ask for behind it.

import { join } from 'node:path';
import { badRequest } from '../../base/errors.ts';

export type Endpoint =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

export interface HypervisorAddress {
  readonly endpoint: Endpoint;
  /** What the daemon is asked to open: the URI without transport, host and parameters. */
  readonly name: string;
}

/** libvirtd's own, which virtproxyd serves on hosts with the modular daemons. */
const SYSTEM_SOCKET = '/run/libvirt/libvirt-sock';
const TCP_PORT = 16_509;

function sessionSocket(env: NodeJS.ProcessEnv): string {
  const folder = env.XDG_RUNTIME_DIR ?? (env.HOME === undefined ? undefined : join(env.HOME, '.cache'));
  if (folder === undefined) throw badRequest('A session URI of libvirt needs XDG_RUNTIME_DIR or HOME');
  return join(folder, 'libvirt/libvirt-sock');
}

/**
 * Reads `qemu:///system`, `qemu:///session`, `qemu+unix:///system?socket=/path`, `qemu+tcp://host[:port]/system` and the same
 * of the `test` driver (`test:///default`). Other transports and parameters are a badRequest fault, never ignored.
 */
export function parseHypervisorUri(uri: string, env: NodeJS.ProcessEnv): HypervisorAddress {
  const parts =
    /^([a-z]+)(?:\+([a-z0-9]+))?:\/\/(\[[0-9a-f:.]+\]|[^/?#:@[\]]*)(?::(\d+))?(\/[^?#]*)(?:\?([^#]*))?$/i.exec(uri);
  if (parts === null) throw badRequest(`Not a URI of libvirt: ${uri}`);
  const [, driver = '', transport, host = '', port, path = '/', query = ''] = parts;
  if (driver !== 'qemu' && driver !== 'test') throw badRequest(`No such hypervisor driver: ${driver}`);
  const name = `${driver}://${path}`;
  const parameters = new URLSearchParams(query);
  for (const key of parameters.keys()) {
    if (key !== 'socket') throw badRequest(`The parameter ${key} of ${uri} is not supported`);
  }
  const socket = parameters.get('socket');
  if (transport === 'tcp') {
    if (host === '' || socket !== null) throw badRequest(`A TCP URI of libvirt names a host and no socket: ${uri}`);
    const number = port === undefined ? TCP_PORT : Number(port);
    if (number < 1 || number > 65_535) throw badRequest(`No such port: ${port}`);
    return { name, endpoint: { kind: 'tcp', host: host.replace(/^\[|\]$/g, ''), port: number } };
  }
  if (transport !== undefined && transport !== 'unix') {
    throw badRequest(`The transport ${transport} of ${uri} is not supported; use unix or tcp`);
  }
  if (host !== '')
    throw badRequest(`${uri} names a host but no transport; libvirt would use TLS, which is not supported`);
  if (socket !== null && !socket.startsWith('/')) throw badRequest(`The socket of ${uri} is not an absolute path`);
  const standard = driver === 'qemu' && path === '/session' ? sessionSocket(env) : SYSTEM_SOCKET;
  return { name, endpoint: { kind: 'unix', path: socket ?? standard } };
}
