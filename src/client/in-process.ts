// Why: what stands in the same process as the services asks them as everybody does, through everything that checks a request, only without
// a connection. So it can do nothing that its caller could not.

import type { RequestListener } from 'node:http';
import inject from 'light-my-request';
import type { HttpReply, Transport } from './transport.ts';

const textOf = (value: number | string | readonly string[] | undefined): string => [value ?? ''].flat().join(', ');

/**
 * A transport that hands requests to `listener`, whatever host their address names.
 * @param client the address of whoever is asked for, which the services log
 */
export function inProcessTransport(listener: RequestListener, client: string): Transport {
  return async ({ method, url, headers, body }): Promise<HttpReply> => {
    const { pathname, search, host } = new URL(url);
    const reply = await inject(listener, {
      method,
      url: `${pathname}${search}`,
      authority: host,
      headers: { ...headers },
      remoteAddress: client,
      ...(body === undefined ? {} : { payload: body }),
    });
    const entries = Object.entries(reply.headers).map(([name, value]) => [name.toLowerCase(), textOf(value)] as const);
    return { status: reply.statusCode, headers: Object.fromEntries(entries), text: reply.payload };
  };
}
