// Why: most processes never serve a console: the proxy and its packages are loaded for the first who asks.

import type { IncomingMessage, RequestListener } from 'node:http';
import type { ConsoleProxy, ConsoleProxyOptions } from '../console/proxy.ts';
import { CONSOLES } from '../domain/servers/remote-consoles.ts';
import type { Upgrades } from './listen.ts';

export interface Consoles {
  /** The pages, as seen from below `CONSOLES`. */
  readonly pages: RequestListener;
  readonly upgrades: Upgrades;
  close(): Promise<void>;
}

export function makeConsoles(options: ConsoleProxyOptions): Consoles {
  let pages: Promise<RequestListener> | null = null;
  let proxy: Promise<ConsoleProxy> | null = null;
  const loadPages = async () => (await import('../console/pages.ts')).consolePages(options.allowedHosts);
  const loadProxy = async () => (await import('../console/proxy.ts')).makeConsoleProxy(options);

  return {
    pages: (request, response) => {
      pages ??= loadPages();
      pages.then(
        (page) => page(request, response),
        (error: unknown) => {
          options.log.error({ err: error }, 'the pages of consoles cannot be loaded');
          response.writeHead(500).end();
        },
      );
    },
    upgrades: {
      takes: ({ url = '' }: IncomingMessage) => url.startsWith(`${CONSOLES}/`) || url.startsWith(`${CONSOLES}?`),
      take: (request, socket, head) => {
        proxy ??= loadProxy();
        proxy
          .then((one) => one.upgrade(request, socket, head))
          .catch((error: unknown) => {
            options.log.error({ err: error }, 'the proxy of consoles failed');
            socket.destroy();
          });
      },
    },
    close: async () => (await proxy)?.close(),
  };
}
