// Why: all services here speak JSON over HTTP; a request and what comes of it are the same for each.

import { refusalOf } from './refusal.ts';
import type { HttpReply, Transport } from './transport.ts';

export interface JsonRequest {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; undefined: nothing is sent. */
  readonly body?: unknown;
}

export interface JsonReply extends Pick<HttpReply, 'status' | 'headers'> {
  /** Null where there is none, or it is no JSON. */
  readonly body: unknown;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // a proxy's page, or nothing
    return null;
  }
}

/** Sends a request. Throws a `Refusal` for every status from 300 on, and `unavailable` where nobody answers. */
export async function sendJson(
  transport: Transport,
  { method, url, headers = {}, body }: JsonRequest,
): Promise<JsonReply> {
  const content = body === undefined ? {} : { 'Content-Type': 'application/json' };
  const reply = await transport({
    ...{ method, url, headers: { ...content, ...headers } },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const value = parsed(reply.text);
  if (reply.status >= 300) throw refusalOf(reply, value);
  return { status: reply.status, headers: reply.headers, body: value };
}
