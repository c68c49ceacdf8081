// Why: commands are elsewhere than the services that they ask.

import { messageOf, unavailable } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Transport } from './transport.ts';

/** Over the network, by Node's own client. */
export const fetchTransport: Transport = async ({ method, url, headers, body }) => {
  const ask = async () => {
    const init = { method, headers, signal: AbortSignal.timeout(limits.neighbourMs) };
    const response = await fetch(url, body === undefined ? init : { ...init, body });
    return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() };
  };
  // also where the connection ends in the middle of an answer
  return ask().catch((error: unknown) => {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw unavailable(`${url} does not answer: ${messageOf(cause)}`);
  });
};
