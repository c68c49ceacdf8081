// Why: NovaCron's API hangs below /api beside the services that it asks, and may have a port of its own.

import { readFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { mount } from '../web/mount.ts';
import type { IdentityService } from '../cloud/identity.ts';
import { fetchTransport } from '../client/fetch-transport.ts';
import { inProcessTransport } from '../client/in-process.ts';
import { logIn } from '../client/login.ts';
import { makeNovacron, type Novacron, type NovacronOptions } from '../faces/novacron/app.ts';
import type { Config } from './config.ts';
import { splitListen } from './config-options.ts';
import { bad } from './config-values.ts';
import { type Listening, listen } from './listen.ts';
import { type Parts, webParts } from './parts.ts';
import { noteReached, type Reach } from './reach.ts';

/** A name that nothing outside of the process has. */
const INSIDE = 'http://novacron.invalid';

const urls: NovacronOptions['urls'] = {
  compute: `${INSIDE}/compute/v2.1`,
  identity: `${INSIDE}/identity/v3`,
  image: `${INSIDE}/image`,
  network: `${INSIDE}/network`,
  novacron: `${INSIDE}/api/v1`,
};

const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.');

/** Who callers on this machine are. Throws where that is not said whole, or where others could be taken for them. */
export function readOwn(novacron: Config['novacron']): NovacronOptions['own'] {
  const { listen: at, loopback_project: projectId, loopback_credential_id: id } = novacron;
  const file = novacron.loopback_credential_secret_file;
  if (projectId === '') return null;
  if (at === '' || !isLoopback(splitListen(at).address))
    throw bad('novacron.loopback_project', 'it wants novacron.listen at a loopback address, as 127.0.0.1:8080');
  if (id === '' || file === '')
    throw bad('novacron.loopback_project', 'it wants novacron.loopback_credential_id and …_secret_file');
  let secret: string;
  try {
    secret = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw bad('novacron.loopback_credential_secret_file', (error as Error).message);
  }
  return { projectId, credential: { id, secret } };
}

/** @param services what answers the services of this process, by their paths */
export function openNovacron(
  parts: Parts,
  { wwwAuthenticateUri }: Pick<IdentityService, 'wwwAuthenticateUri'>,
  services: RequestListener,
): Novacron {
  const { novacron, identity } = parts.config;
  const keystone = identity.auth_url;
  return makeNovacron({
    ...webParts(parts),
    services,
    wwwAuthenticateUri,
    urls,
    own: readOwn(novacron),
    logIn: (auth, client) =>
      keystone === ''
        ? logIn(inProcessTransport(services, client), urls.identity, auth)
        : logIn(fetchTransport, keystone, auth),
  });
}

/** What is beside this API on its own port. */
const nothing: RequestListener = (_request, response) => {
  response.writeHead(404, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify({ error: { code: 404, message: 'Here is nothing but /api/v1.' } }));
};

/** Opens the port of its own, if one is wanted; it answers nothing but this API. */
export async function openNovacronPort(
  { config, cleanup, log }: Parts,
  reach: Reach,
  { ownHandler }: Novacron,
): Promise<Listening | null> {
  if (config.novacron.listen === '') return null;
  const { address, port } = splitListen(config.novacron.listen);
  const own = await listen(address, port, reach.bounds);
  cleanup.defer(() => own.close());
  const none = { takes: () => false, take: () => undefined };
  own.answerWith(...noteReached(reach, mount({ '/api': ownHandler }, nothing), none));
  log.info({ url: `${own.url}/api/v1` }, "NovaCron's API is answered");
  return own;
}
