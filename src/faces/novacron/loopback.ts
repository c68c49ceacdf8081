// Why: the operator may let callers on this machine do without a token. A browser on this machine must not be talked into being one of them by
// a page from elsewhere, and a proxy on this machine is not its clients: so all that hints at either is refused.

import type { IncomingMessage } from 'node:http';

const LOOPBACK_ADDRESS = /^(?:127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1|::ffff:127\.\d{1,3}\.\d{1,3}\.\d{1,3})$/;
/** What a program on this machine calls it; any other name may lead here by somebody else's doing (DNS rebinding). */
const LOOPBACK_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i;
/** Whether a proxy set a header, whatever it tells of its client. */
const isProxys = (name: string): boolean =>
  name === 'via' ||
  name.includes('forwarded') ||
  ['real-ip', 'client-ip', 'connecting-ip'].some((end) => name.endsWith(end));
/** What browsers say of a request that no page from elsewhere made. */
const OWN_SITES = new Set(['none', 'same-origin']);

/**
 * Whether a request came from a program on this machine itself.
 * @param request one whose headers and socket are as they came
 */
export function isFromThisMachine({ headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>): boolean {
  const { host = '', origin } = headers;
  const site = headers['sec-fetch-site'];
  return (
    LOOPBACK_ADDRESS.test(socket.remoteAddress ?? '') &&
    LOOPBACK_ADDRESS.test(socket.localAddress ?? '') &&
    LOOPBACK_HOST.test(host) &&
    !Object.keys(headers).some(isProxys) &&
    (origin === undefined || origin.toLowerCase() === `http://${host.toLowerCase()}`) &&
    (site === undefined || OWN_SITES.has(String(site)))
  );
}
