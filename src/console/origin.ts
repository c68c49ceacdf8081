// Why: a page of somebody else's must not reach a console with what the browser of its user holds: the rule is Nova's, which
// looks at the names of hosts and at the scheme.

import type { IncomingHttpHeaders } from 'node:http';

export interface OriginRule {
  /** Where consoles are served, an HTTP URL. */
  readonly baseUrl: string;
  /** Names of further hosts whose pages may open consoles: a dashboard's. */
  readonly allowedHosts: readonly string[];
}

const urlOf = (text: string): URL | null => (URL.canParse(text) ? new URL(text) : null);

const schemeOf = (text: string): string => text.toLowerCase().replace(/:$/, '');

/**
 * Why a connection with these headers is refused; null: it is let through. One without an Origin comes from no browser. A page
 * may be of the host that was asked, of the one that addresses name, or of one that is allowed; its scheme must be the
 * addresses'.
 */
export function originProblem(headers: IncomingHttpHeaders, { baseUrl, allowedHosts }: OriginRule): string | null {
  if (headers.origin === undefined) return null;
  const origin = urlOf(headers.origin);
  if (origin === null || origin.hostname === '') return 'Origin header not valid.';
  const base = new URL(baseUrl);
  const asked = urlOf(`http://${headers.host ?? ''}`);
  if (![asked?.hostname, base.hostname, ...allowedHosts].includes(origin.hostname)) {
    return 'Origin header does not match this host.';
  }
  const isOurs = schemeOf(origin.protocol) === schemeOf(base.protocol);
  return isOurs ? null : 'Origin header protocol does not match this host.';
}
