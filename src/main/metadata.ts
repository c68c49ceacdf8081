// Why: the guests of this host are answered at their metadata addresses, network by network: what is made on the host, who listens there
// and who knows the answers come together here.

import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { type AnswerGuest, makeMetadata, senderOf } from '../api/metadata/handler.ts';
import { limits } from '../base/limits.ts';
import { makeMetadataHost, type MetadataHost } from '../cloud/ovn/metadata/host.ts';
import { makeMetadataKeeper } from '../cloud/ovn/metadata/keeper.ts';
import type { OpenedSocket } from '../cloud/ovn/metadata/socket.ts';
import { southboundTables, switchTables } from '../cloud/ovn/metadata/wanted.ts';
import { openOvsdb } from '../cloud/ovn/ovsdb/client.ts';
import { guestMetadata } from '../ops/index.ts';
import { runProgram } from '../base/run.ts';
import type { Config } from './config.ts';
import { bad } from './config-values.ts';
import { cutSilent } from './connections.ts';
import type { Condition } from './health.ts';
import type { Parts } from './parts.ts';
import { take } from './request-rates.ts';

const MINUTE_S = 60;

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
    enter: ovs_netns === '' ? [] : ['nsenter', `--net=/run/netns/${ovs_netns}`, '--'],
    switchRemote: ovs_db,
    offloads: ovn_offloads === 'yes',
  });

/**
 * Serves the metadata of the guests on this host; what must hold for it.
 * @throws a Fault where this process may not make what it needs on the host
 */
export function openMetadata(parts: Parts): readonly Condition[] {
  if (process.getuid?.() !== 0)
    throw bad(
      'network.metadata',
      'only root can make what it needs on the host; with `no` every server has a config drive',
    );
  const { config, database, clock, log, metrics, cleanup } = parts;
  const { ovs_db: switchRemote } = config.network;
  const { ovn_ca: ca, ovn_certificate: certificate, ovn_key: key } = config.network;
  const tls = ca === '' ? null : { ca, certificate, key };
  const source = guestMetadata({ database, clock });
  const answer = makeMetadata({ source, count: metadataRates(), clock, log, observer: metrics.web });
  const keeper = makeMetadataKeeper({
    host: metadataHostOf(config.network),
    openSwitch: (changed) =>
      openOvsdb({ remotes: [switchRemote], database: 'Open_vSwitch', tables: switchTables, clock, log, changed }),
    openSouthbound: (remotes, changed) =>
      openOvsdb({ remotes, tls, database: 'OVN_Southbound', tables: southboundTables, clock, log, changed }),
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
