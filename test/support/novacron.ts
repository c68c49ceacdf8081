// Why: tests of NovaCron's API have it over a compute API, and see every request that it makes of that.

import type { RequestListener } from 'node:http';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import type { Login } from '../../src/client/login.ts';
import { makeNovacron, type NovacronOptions } from '../../src/faces/novacron/app.ts';
import { mount } from '../../src/web/mount.ts';
import { type Listening, listen } from './http.ts';

/** A request that the face made. */
export interface Inner {
  readonly method: string;
  /** `/compute/v2.1/servers` */
  readonly path: string;
  readonly token: string | undefined;
  readonly requestId: string | undefined;
  readonly status: number;
}

export interface Faced {
  readonly server: Listening;
  /** The port on which callers of this machine may do without a token. */
  readonly own: Listening;
  /** What was asked since the last time. */
  take(): readonly Inner[];
  close(): Promise<void>;
}

const INSIDE = 'http://novacron.invalid';

export interface FacedOptions {
  readonly compute: RequestListener;
  /** Image and whatever else is asked beside compute. */
  readonly more?: Readonly<Record<string, RequestListener>>;
  readonly logIn?: NovacronOptions['logIn'];
  readonly own?: NovacronOptions['own'];
}

export async function startNovacron({ compute, more = {}, logIn, own = null }: FacedOptions): Promise<Faced> {
  let inner: Inner[] = [];
  const noted: RequestListener = (request, response) => {
    const { method = '', url = '', headers } = request;
    const [token, requestId] = [headers['x-auth-token'], headers['x-openstack-request-id']] as (string | undefined)[];
    inner.push({
      ...{ method, path: url, token, requestId },
      get status() {
        return response.statusCode;
      },
    });
    mount({ '/compute': compute, ...more }, (_request, answer) => {
      answer.writeHead(404);
      answer.end();
    })(request, response);
  };
  const face = makeNovacron({
    services: noted,
    urls: {
      compute: `${INSIDE}/compute/v2.1`,
      identity: `${INSIDE}/identity/v3`,
      image: `${INSIDE}/image`,
      network: `${INSIDE}/network`,
      novacron: `${INSIDE}/api/v1`,
    },
    logIn: logIn ?? (async () => Promise.reject<Login>(new Error('nobody logs in'))),
    own,
    wwwAuthenticateUri: null,
    clock: systemClock,
    log: silentLog,
    observer: { answered() {} },
  });
  const server = await listen(mount({ '/api': face.handler }, face.handler));
  const ownServer = await listen(mount({ '/api': face.ownHandler }, face.ownHandler));
  return {
    server,
    own: ownServer,
    take() {
      const taken = inner;
      inner = [];
      return taken;
    },
    async close() {
      await server.close();
      await ownServer.close();
    },
  };
}
