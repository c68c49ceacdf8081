// Why: the guests of this host are answered at their metadata addresses, network by network: what is made on the host, who listens there
// and who knows the answers come together here.

import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import {
  type AnswerAsked,
  type AnswerGuest,
  answerGuests,
  makeMetadataAnswers,
  refusal,
  senderOf,
} from '../api/metadata/handler.ts';
import { answerProxied } from '../api/metadata/proxied.ts';
import { answerRelayed } from '../api/metadata/relayed.ts';
import { Fault, messageOf } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { isMetadataPath } from '../cloud/ovn/metadata/path.ts';
import type { Relay } from '../cloud/ovn/metadata/relay.ts';
import { makeMetadataHost, type MetadataHost } from '../cloud/ovn/metadata/host.ts';
import { makeMetadataKeeper } from '../cloud/ovn/metadata/keeper.ts';
import type { OpenedSocket } from '../cloud/ovn/metadata/socket.ts';
import { southboundTables, switchTables } from '../cloud/ovn/metadata/wanted.ts';
import { openOvsdb } from '../cloud/ovn/ovsdb/client.ts';
import { guestMetadata } from '../ops/index.ts';
import { runProgram } from '../base/run.ts';
import type { Config } from './config.ts';
import { splitListen } from './config-options.ts';
import { bad } from './config-values.ts';
import { cutSilent } from './connections.ts';
import type { Condition } from './health.ts';
import { listen } from './listen.ts';
import { hasMetadata, isMetadataProxied } from './metadata-wish.ts';
import { enterNetns } from './netns.ts';
import type { BaseParts, Parts } from './parts.ts';
import { statusOfFault } from '../web/faults.ts';
import { take } from './request-rates.ts';

const MINUTE_S = 60;
const SECRET_CHARS = 32;

/** Counts what each guest asks. */
export function metadataRates(): (guest: string, writes: boolean) => Promise<void> {
  const limiter = (points: number) => new RateLimiterMemory({ points, duration: MINUTE_S });
  const [all, writing] = [limiter(limits.metadataRequestsPerMinute), limiter(limits.metadataWritesPerMinute)];
  return async (guest, writes) => {
    await take(all, guest, 'guest', 'requests');
    if (writes) await take(writing, guest, 'guest', 'requests that change something');
  };
}

/** One guest must not take the connections of its network from the others. */
function boundGuests(server: Server): void {
  const open = new Map<string, number>();
  server.maxConnections = limits.metadataConnections;
  server.prependListener('connection', (socket: Socket) => {
    const guest = senderOf(socket);
    const of = open.get(guest ?? '') ?? 0;
    if (guest === null || of >= limits.metadataConnectionsPerGuest) return void socket.destroy();
    open.set(guest, of + 1);
    socket.once('close', () => {
      const left = (open.get(guest) ?? 1) - 1;
      if (left === 0) open.delete(guest);
      else open.set(guest, left);
    });
  });
}

/** Answers those who come to a network's socket. */
export function serveMetadata(
  answer: AnswerGuest,
  networkId: string,
  socket: OpenedSocket,
): { readonly close: () => Promise<void> } {
  const options = {
    headersTimeout: limits.metadataRequestMs,
    requestTimeout: limits.metadataRequestMs,
    keepAliveTimeout: limits.metadataIdleMs,
    maxHeaderSize: limits.metadataHeadBytes,
    connectionsCheckingInterval: limits.metadataRequestMs / 2,
  };
  const server = createServer(options, (request, response) => {
    noteRequest(request, response);
    void answer(networkId, request, response);
  });
  const noteRequest = cutSilent(server, limits.metadataIdleMs);
  boundGuests(server);
  server.listen(socket);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export const metadataHostOf = ({ ovs_db, ovs_netns, ovn_offloads }: Config['network']): MetadataHost =>
  makeMetadataHost({
    run: runProgram,
    enter: enterNetns(ovs_netns),
    switchRemote: ovs_db,
    offloads: ovn_offloads === 'yes',
  });

/** @throws a Fault where this process may not make what it needs on the host */
function mustBeRoot(): void {
  if (process.getuid?.() !== 0)
    throw bad(
      'network.metadata',
      'only root can make what it needs on the host; with `no` every server has a config drive',
    );
}

/** Has the guests on this host answered; what must hold for it. */
function keepMetadata({ config, clock, log, metrics, cleanup }: BaseParts, answer: AnswerGuest): readonly Condition[] {
  const { ovs_db: switchRemote, ovn_sb: named } = config.network;
  const { ovn_ca: ca, ovn_certificate: certificate, ovn_key: key } = config.network;
  const tls = ca === '' ? null : { ca, certificate, key };
  const keeper = makeMetadataKeeper({
    host: metadataHostOf(config.network),
    openSwitch: (changed) =>
      openOvsdb({ remotes: [switchRemote], database: 'Open_vSwitch', tables: switchTables, clock, log, changed }),
    openSouthbound: (told, changed) => {
      const remotes = named.length === 0 ? told : named;
      return openOvsdb({ remotes, tls, database: 'OVN_Southbound', tables: southboundTables, clock, log, changed });
    },
    serve: (networkId, socket) => serveMetadata(answer, networkId, socket),
    clock,
    log,
  });
  cleanup.defer(() => keeper.close());
  metrics.gaugeOf('xloud_metadata_networks', 'Networks whose guests are told their metadata here', [], () => [
    [{}, keeper.serving()],
  ]);
  return [{ name: 'metadata', problem: () => keeper.problem() }];
}

/** Who knows what guests are told, in a process with the database. */
const answersOf = ({ database, clock, log }: Pick<Parts, 'database' | 'clock' | 'log'>): AnswerAsked =>
  makeMetadataAnswers({ source: guestMetadata({ database, clock }), count: metadataRates(), clock, log });

/**
 * Serves the metadata of the guests on this host; what must hold for it.
 * @throws a Fault where this process may not make what it needs on the host
 */
export function openMetadata(parts: Parts): readonly Condition[] {
  mustBeRoot();
  return keepMetadata(parts, answerGuests(answersOf(parts), parts.metrics.web));
}

/** What a file of a secret has in it. @throws a Fault where it is not there, or shorter than a secret is */
function secretIn(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw bad('network.metadata_key_file', messageOf(error));
  }
  if (text.length < SECRET_CHARS)
    throw bad('network.metadata_key_file', `${path} has no secret of \`xloud metadata keys\``);
  return text;
}

/** Answers what agents pass on of their guests; null: none may. */
export function relayedMetadata(parts: Parts): RequestListener | null {
  const { config, clock, metrics } = parts;
  const { metadata_key_file: file } = config.network;
  if (!hasMetadata(config) || file === '') return null;
  return answerRelayed({ answers: answersOf(parts), secret: secretIn(file), clock, observer: metrics.web });
}

/** Answers Neutron's metadata agents, on a port of its own; nothing where none are configured. */
export async function openProxiedMetadata(parts: Parts): Promise<void> {
  const { config, metrics, cleanup, log } = parts;
  if (!isMetadataProxied(config)) return;
  const { metadata_proxy_listen: where, metadata_proxy_shared_secret: secret } = config.network;
  const { address, port } = splitListen(where);
  const listening = await listen(address, port);
  cleanup.defer(() => listening.close());
  listening.answerWith(answerProxied({ answers: answersOf(parts), secret, observer: metrics.web }));
  log.info({ url: listening.url }, "Neutron's metadata agents are answered");
}

/** What an agent is answered for its guests. */
function passOn(relay: Relay, log: Log): AnswerAsked {
  return async ({ networkId, address, method, url, body }) => {
    const path = url.replace(/[?#].*$/s, '');
    if (address === null || !isMetadataPath(path)) return refusal(404, 'Not Found');
    const reads = method === 'GET' || method === 'HEAD';
    try {
      // how long it would be is told by whoever has it
      const question = {
        method: reads ? 'GET' : method,
        url: path,
        body: method === 'POST' ? await body(limits.metadataBodyBytes) : '',
      };
      return await relay.ask({ networkId, address }, question);
    } catch (error) {
      if (error instanceof Fault) return refusal(statusOfFault(error), error.message);
      log.warn({ err: error, network: networkId }, 'no API told a guest its metadata');
      return refusal(503, 'Try again later.');
    }
  };
}

/**
 * Has the guests of an agent's host answered by an API; what must hold for it. None where it was not told by which one: then guests
 * have config drives.
 * @throws a Fault where this process may not make what it needs on the host
 */
export async function openMetadataRelay(parts: BaseParts, host: string): Promise<readonly Condition[]> {
  const { config, clock, log, metrics, cleanup } = parts;
  const { metadata_key_file: file, metadata_url: url } = config.network;
  if (!hasMetadata(config)) return [];
  if (url === '')
    throw bad('network.metadata_url', 'an agent with a key asks an API what its guests are told: say where');
  mustBeRoot();
  // loaded where it is needed: the client of HTTP under it is large
  const { makeRelay } = await import('../cloud/ovn/metadata/relay.ts');
  const relay = makeRelay({ url, host, key: secretIn(file), clock });
  cleanup.defer(() => relay.close());
  const count = metadataRates();
  const answers = passOn(relay, log);
  // counted here too: what is too much does not leave the host
  const counted: AnswerAsked = async (asked) => {
    try {
      await count(`${asked.networkId} ${asked.address}`, asked.method !== 'GET' && asked.method !== 'HEAD');
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const again = error.retryAfterSeconds;
      return refusal(statusOfFault(error), error.message, again === undefined ? {} : { 'Retry-After': String(again) });
    }
    return answers(asked);
  };
  return keepMetadata(parts, answerGuests(counted, metrics.web));
}
