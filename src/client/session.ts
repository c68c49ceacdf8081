// Why: whoever asks the services is somebody, for as long as he asks: a token, the addresses that go with it, and the answers' words.

import { Fault } from '../base/errors.ts';
import { fetchTransport } from './fetch-transport.ts';
import { type Auth, type Login, logIn } from './login.ts';
import { type JsonReply, sendJson } from './send.ts';
import type { Transport } from './transport.ts';

/**
 * The microversion of what is asked for: live migration without force, cold migration to a named host, migrations by page, networks by `auto`,
 * flavors within servers, events of actions with their details.
 */
export const VERSION = '2.84';

/** A service by the type that the catalog has of it. */
export type ServiceType = 'compute' | 'identity' | 'image' | 'network' | 'novacron';

/** A request of one service. */
export interface Asked {
  readonly method: string;
  /** Begins behind the version of the service. */
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Session {
  /** Sends a request. Throws a `Refusal` with the service's words, and `unavailable` for what may go well the next time. */
  ask(service: ServiceType, asked: Asked): Promise<JsonReply>;
  /** The body of an answer of the compute API, at a microversion (`2.68`; default the oldest). */
  compute(method: string, path: string, body?: unknown, version?: string): Promise<unknown>;
}

function sessionOf(ask: Session['ask']): Session {
  return {
    ask,
    async compute(method, path, body, version) {
      const headers = version === undefined ? {} : { 'OpenStack-API-Version': `compute ${version}` };
      return (await ask('compute', { method, path, body, headers })).body;
    },
  };
}

const sendWith = (transport: Transport, token: string, url: string, { method, path, body, headers }: Asked) =>
  sendJson(transport, { method, url: `${url}${path}`, headers: { ...headers, 'X-Auth-Token': token }, body });

export interface Cloud {
  readonly auth: Auth & { readonly auth_url: string };
  readonly region_name?: string;
}

/** Where some services are, whatever the catalog says. */
export type Urls = Readonly<Partial<Record<ServiceType, string>>>;

/** Logs in; and again when the token has run out. */
export async function openSession(cloud: Cloud, transport = fetchTransport, urls: Urls = {}): Promise<Session> {
  const open = () => logIn(transport, cloud.auth.auth_url, cloud.auth, cloud.region_name);
  let login = await open();
  const send = ({ token, urlOf }: Login, service: ServiceType, asked: Asked) =>
    sendWith(transport, token, urls[service] ?? urlOf(service), asked);
  return sessionOf(async (service, asked) => {
    try {
      return await send(login, service, asked);
    } catch (error) {
      if (!(error instanceof Fault) || error.kind !== 'unauthorized') throw error;
      login = await open();
      return send(login, service, asked);
    }
  });
}

/** What a session of somebody else's token is made of. */
export interface Borrowed {
  readonly transport: Transport;
  readonly token: string;
  readonly urls: Required<Urls>;
  /** Sent with each request: an id that its log lines keep. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Asks with the token that somebody brought, and as long as it is good. */
export const borrowSession = ({ transport, token, urls, headers = {} }: Borrowed): Session =>
  sessionOf((service, asked) =>
    sendWith(transport, token, urls[service], { ...asked, headers: { ...headers, ...asked.headers } }),
  );
