// Why: what a host says of a guest's console.

export type ConsoleProtocol = 'vnc' | 'spice' | 'serial' | 'mks';

/** Where a guest's console listens, for whoever carries it to a browser. */
export interface ConsoleEndpoint {
  /** A name or an address; or the path of a Unix socket, which only the host itself reaches and whose port is 0. */
  readonly host: string;
  readonly port: number;
  /** Only SPICE has one. */
  readonly tlsPort: number | null;
  /** What to ask for there; null: nothing. */
  readonly path: string | null;
}

/** Whether `host` is the path of a socket on this machine, not an address. */
export const isSocketFile = ({ host }: ConsoleEndpoint): boolean => host.startsWith('/');

/** Of a token, and of what its guest says now: a port that was given up may be another guest's. */
export const isSamePlace = (one: ConsoleEndpoint, other: ConsoleEndpoint): boolean =>
  one.host === other.host && one.port === other.port && one.tlsPort === other.tlsPort && one.path === other.path;
