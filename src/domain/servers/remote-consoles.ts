// Why: which consoles there are and how their addresses are written is one table.

import { withoutEndSlashes } from '../../base/slashes.ts';
import type { ConsoleProtocol } from './console-endpoint.ts';

/** The path below the program's root under which its own proxy serves consoles. */
export const CONSOLES = '/console';

interface ConsoleKind {
  readonly protocol: ConsoleProtocol;
  /** The address below the base, with the token; `folder` is the base's own path, without slashes around it. */
  readonly page: (token: string, folder: string) => string;
  /** Not a page for browsers but a socket. */
  readonly socket?: true;
  /** The proxy that is in this program carries it; any other kind wants a proxy of the operator's. */
  readonly carried?: true;
  /** Whether a token says the port for TLS as well, and no path. */
  readonly direct?: true;
}

const kinds: Readonly<Record<string, ConsoleKind>> = {
  // noVNC takes the token only within the path of its socket, which begins at the root of the host
  novnc: {
    protocol: 'vnc',
    page: (token, folder) => `/vnc_lite.html?path=${encodeURIComponent(`${folder}?token=${token}`)}`,
    carried: true,
  },
  'spice-html5': { protocol: 'spice', page: (token) => `/spice_auto.html?token=${token}` },
  'spice-direct': { protocol: 'spice', page: (token) => `/spice-direct?token=${token}`, direct: true },
  serial: { protocol: 'serial', page: (token) => `/?token=${token}`, socket: true, carried: true },
  webmks: { protocol: 'mks', page: (token) => `/mks.html?token=${token}` },
};

/** Whether consoles of a type are of a protocol; `xvpvnc` and `rdp-html5`, which Nova gave up, are of none. */
export const isOfProtocol = (type: string, protocol: ConsoleProtocol): boolean =>
  Object.hasOwn(kinds, type) && kinds[type]?.protocol === protocol;

/** The protocol of a known type. */
export const protocolOf = (type: string): ConsoleProtocol => (kinds[type] as ConsoleKind).protocol;

/** Whether this program's own proxy carries consoles of a type. */
export const isCarried = (type: string): boolean => kinds[type]?.carried ?? false;

/** Consoles that a client reaches itself, without a page in between. */
export const isDirect = (type: string): boolean => kinds[type]?.direct ?? false;

/** The address of a console of a known type; `base` is where the consoles of this cloud are served. */
export function consoleUrl(base: string, type: string, token: string): string {
  const kind = kinds[type] as ConsoleKind;
  const trimmed = withoutEndSlashes(base);
  const folder = trimmed.replace(/^\w+:\/\/[^/]*\/?/, '');
  return `${kind.socket ? trimmed.replace(/^http/, 'ws') : trimmed}${kind.page(token, folder)}`;
}
