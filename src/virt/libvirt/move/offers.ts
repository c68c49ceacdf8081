// Why: a guest that moves has its disks read by another host, and by nobody else. Each time is an offer with a key of its own, which
// goes the way that orders go (control plane to host); TLS by that key lets in who has it and proves both ends to each other, so no
// host needs certificates for it. Nothing listens while nothing is offered, nothing can be written, and names are chosen, not given.

import { constants, randomBytes, randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../../../base/clock.ts';
import { messageOf } from '../../../base/errors.ts';
import { limits } from '../../../base/limits.ts';
import type { Log } from '../../../base/log.ts';
import type { DiskOffer } from '../../../domain/servers/guests.ts';
import { guestFiles } from '../disks.ts';
import { fileIn, type LiveFacts, type Manifest, readManifest } from './manifest.ts';
import { encodePieces, readPieces, wholePieces } from './pieces.ts';

/** Forward secret where possible; keys shared before are a matter of TLS 1.2 in Node. */
export const keyedTls = {
  ciphers: 'ECDHE-PSK-CHACHA20-POLY1305:DHE-PSK-AES256-GCM-SHA384',
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
  // a session that is taken up again would come in without its key
  secureOptions: constants.SSL_OP_NO_TICKET,
} as const;

/** Looks at a guest that runs; null: it does not. */
export type Look = () => Promise<LiveFacts | null>;

interface Offered {
  readonly dir: string;
  readonly look: Look;
  readonly key: Buffer;
  untilMs: number;
  manifest: Promise<Manifest> | null;
}

export interface OfferDeps {
  /** The address on which others reach this host. */
  readonly address: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Where the cache's images stand. */
  readonly imagesDir: string;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Offers {
  /** Offers what is in a guest's directory, until nobody has asked for it for `limits.diskOfferMs`. */
  make(dir: string, look: Look): Promise<DiskOffer>;
  close(): Promise<void>;
}

export function makeOffers(deps: OfferDeps): Offers {
  const { clock, log } = deps;
  const offered = new Map<string, Offered>();
  const admitted = new WeakMap<object, string>();
  let server: Promise<Server> | null = null;
  let sweeping: NodeJS.Timeout | null = null;

  const good = (id: string): Offered | null => {
    const found = offered.get(id);
    return found !== undefined && found.untilMs > clock.now() ? found : null;
  };

  const read = async ({ dir, look }: Offered): Promise<Manifest> => readManifest(dir, deps.imagesDir, await look());

  const admit = (socket: TLSSocket, id: string): Buffer | null => {
    const found = good(id);
    if (found !== null) admitted.set(socket, id);
    return found?.key ?? null;
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const found = good(admitted.get(request.socket) ?? '');
    if (found === null || request.method !== 'GET') return void response.writeHead(403).end();
    const url = new URL(request.url ?? '/', 'https://host');
    const extend = () => void (found.untilMs = clock.now() + limits.diskOfferMs);
    extend();
    if (url.pathname === '/manifest') {
      found.manifest = read(found);
      return void response.end(JSON.stringify(await found.manifest));
    }
    const manifest = await (found.manifest ??= read(found));
    const file = fileIn(manifest, url.pathname.slice('/files/'.length));
    const from = Number(url.searchParams.get('from') ?? 0);
    if (file === null || !Number.isSafeInteger(from) || from < 0 || wholePieces(from) !== from) {
      return void response.writeHead(404).end();
    }
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const pieces = readPieces(join(found.dir, file.name), { from, to: file.bytes }, gone.signal);
    async function* telling() {
      for await (const bytes of encodePieces(pieces)) {
        extend();
        yield bytes;
      }
    }
    await pipeline(Readable.from(telling(), { objectMode: false }), response);
  }

  async function open(): Promise<Server> {
    const made = createServer({ ...keyedTls, pskCallback: admit, handshakeTimeout: limits.diskHandshakeMs });
    made.maxConnections = limits.diskConnections;
    made.on('request', (request, response) => {
      answer(request, response).catch((error: unknown) => {
        log.warn({ error: messageOf(error) }, 'a disk that another host asked for was not read to its end');
        response.destroy();
      });
    });
    made.on('tlsClientError', (error) => log.warn({ error: error.message }, 'somebody without a key asked for disks'));
    await new Promise<void>((resolve, reject) => {
      made.once('error', reject).listen({ port: deps.port, host: deps.address }, resolve);
    });
    return made;
  }

  async function shut(): Promise<void> {
    const open = server;
    server = null;
    const made = await open?.catch(() => null);
    if (!made) return;
    made.closeAllConnections();
    await new Promise((resolve) => made.close(resolve));
  }

  function sweep(): void {
    for (const [id, { untilMs }] of offered) if (untilMs <= clock.now()) offered.delete(id);
    if (offered.size > 0) return;
    if (sweeping !== null) clearInterval(sweeping);
    sweeping = null;
    void shut();
  }

  return {
    async make(dir, look) {
      server ??= open();
      const made = await server.catch((error: unknown) => {
        server = null;
        throw error;
      });
      const id = randomUUID();
      const key = randomBytes(32);
      await writeFile(guestFiles(dir).offered, id, { mode: 0o600 });
      offered.set(id, { dir, look, key, untilMs: clock.now() + limits.diskOfferMs, manifest: null });
      sweeping ??= setInterval(sweep, limits.diskOfferMs / 4).unref();
      return { address: deps.address, port: (made.address() as AddressInfo).port, id, key: key.toString('hex') };
    },
    async close() {
      if (sweeping !== null) clearInterval(sweeping);
      offered.clear();
      await shut();
    },
  };
}
