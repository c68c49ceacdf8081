// Why: who asks, in which project, at which microversion. The first argument of everything that acts.

import type { Clock } from './clock.ts';
import type { Log } from './log.ts';

/** The authenticated caller, as Keystone resolved the token. */
export interface Caller {
  readonly userId: string;
  readonly userName: string;
  readonly userDomainId: string;
  /** Null for unscoped, domain- and system-scoped tokens. */
  readonly projectId: string | null;
  readonly projectName: string | null;
  readonly projectDomainId: string | null;
  /** The domain of a domain-scoped token. */
  readonly domainId: string | null;
  readonly roles: readonly string[];
  /** `all` for a system-scoped token. */
  readonly systemScope: 'all' | null;
  /** Whether `context_is_admin` holds; Nova's `is_admin`. */
  readonly isAdmin: boolean;
  /** The token itself, to call a neighbour as the caller. Never logged. */
  readonly token: string | null;
}

export interface Op {
  readonly requestId: string;
  /** The id that came with the request, if it was one; kept and logged. */
  readonly globalRequestId: string | null;
  readonly caller: Caller;
  /** The minor part of the negotiated microversion: 1 to 104. */
  readonly minor: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** The caller of what the program does by itself: reconcilers, resumed actions. */
export const systemCaller: Caller = {
  userId: 'xloud',
  userName: 'xloud',
  userDomainId: 'default',
  projectId: null,
  projectName: null,
  projectDomainId: null,
  domainId: null,
  roles: ['admin', 'service'],
  systemScope: 'all',
  isAdmin: true,
  token: null,
};

/** What a request asks for, as access rules of application credentials know it. */
export interface Asked {
  /** `compute`, `image`, `network`, `volume`, `identity`; another word is a service that no access rule allows. */
  readonly service: string;
  readonly method: string;
  /** Below the service's own address, without the query: `/v2.1/servers`. */
  readonly path: string;
  /** Of the service that passes on what somebody asked it for (`X-Service-Token`); absent or empty: he asks himself. */
  readonly serviceToken?: string;
}

/**
 * Resolves the token of a request to its caller; no token is `undefined`. Rejects with an `unauthorized` Fault,
 * with `unavailable` where identity cannot be asked, and with `overLimit` where the caller's project asks too much.
 */
export type Authenticate = (token: string | undefined, asked: Asked) => Promise<Caller>;
