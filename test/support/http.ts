// Why: tests speak real HTTP, with paths and headers as they give them: fetch would normalise both.

import { Agent, request as httpRequest, createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The parsed body; null when there is none or it is no JSON. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read what they expect
  readonly body: any;
}

export interface Listening {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  send(
    method: string,
    path: string,
    headers?: Readonly<Record<string, string>>,
    body?: string | Uint8Array,
  ): Promise<Answer>;
  /** Connections that are open, as the server sees it, but for those that wait for what `send` asks next. */
  connections(): Promise<number>;
  close(): Promise<void>;
}

function jsonOf(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

/** Serves a listener on a free port of the loopback. */
export async function listen(listener: RequestListener): Promise<Listening> {
  // it never ends a connection that waits: the next request might be on its way on that
  const server = createServer({ keepAliveTimeout: 0 }, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  // a connection for each request costs more than twice what the request does
  const agent = new Agent({ keepAlive: true });
  const waiting = (): number => Object.values(agent.freeSockets).reduce((sum, list) => sum + (list?.length ?? 0), 0);
  return {
    url: `http://127.0.0.1:${port}`,
    send: (method, path, headers = {}, body) =>
      new Promise((resolve, reject) => {
        const request = httpRequest({ host: '127.0.0.1', port, method, path, headers, agent }, (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8');
            resolve({
              status: response.statusCode as number,
              headers: Object.fromEntries(
                Object.entries(response.headers).map(([name, value]) => [name, [value].flat().join(', ')]),
              ),
              text,
              body: jsonOf(text),
            });
          });
        });
        request.on('error', reject);
        request.end(body);
      }),
    connections: () =>
      new Promise((resolve, reject) =>
        server.getConnections((error, count) => (error === null ? resolve(count - waiting()) : reject(error))),
      ),
    close: async () => {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
