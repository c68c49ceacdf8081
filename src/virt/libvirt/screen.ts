// Why: a guest's screen is a VNC server of its QEMU, which asks nobody for a password: where it listens is the operator's word,
// and who is let through to it is decided before (console tokens).

import type { ConsoleEndpoint, ConsoleProtocol } from '../../domain/servers/console-endpoint.ts';
import { type Element, children, leaf, type XMLBuilder } from './xml.ts';

/** @param listen the path of a socket, or the address on which the screen shall listen: libvirt chooses the port */
export function writeScreen(devices: XMLBuilder, listen: string): void {
  if (listen.startsWith('/')) {
    leaf(devices.ele('graphics', { type: 'vnc' }), 'listen', { type: 'socket', socket: listen });
    return;
  }
  leaf(devices, 'graphics', { type: 'vnc', port: -1, autoport: 'yes', listen });
}

const portOf = (text: string | null): number | null => {
  const port = Number(text ?? -1);
  return port > 0 ? port : null;
};

/** Where the screen of a running guest listens. */
export function screenOf(devices: Element, protocol: ConsoleProtocol): ConsoleEndpoint | null {
  const screen = children(devices, 'graphics').find((one) => one.getAttribute('type') === protocol);
  const socket = screen?.getAttribute('socket');
  if (socket) return { host: socket, port: 0, tlsPort: null, path: null };
  const port = portOf(screen?.getAttribute('port') ?? null);
  if (screen === undefined || port === null) return null;
  const tlsPort = portOf(screen.getAttribute('tlsPort'));
  return { host: screen.getAttribute('listen') ?? '', port, tlsPort, path: null };
}
