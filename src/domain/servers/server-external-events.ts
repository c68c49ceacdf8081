// Why: other services tell what became of something that a server uses. Whether such news can be taken is decided here.

import type { Server } from './servers.ts';

export type ExternalEventName =
  | 'network-changed'
  | 'network-vif-plugged'
  | 'network-vif-unplugged'
  | 'network-vif-deleted'
  | 'volume-extended'
  | 'power-update'
  | 'accelerator-request-bound'
  | 'volume-reimaged';

export interface ExternalEvent {
  readonly name: ExternalEventName;
  readonly serverUuid: string;
  /** What it is about: a port, a volume, a power state; null: the server as a whole. */
  readonly tag: string | null;
}

/** Nova's code for each event of a batch: taken, no tag, no such server, a server without a host. */
export type EventCode = 200 | 400 | 404 | 422;

const needTag: ReadonlySet<ExternalEventName> = new Set([
  'volume-extended',
  'power-update',
  'accelerator-request-bound',
]);

/** @param server the one that the event names; undefined: there is none */
export function eventCode(event: ExternalEvent, server: Pick<Server, 'host'> | undefined): EventCode {
  if (server === undefined) return 404;
  if (needTag.has(event.name) && event.tag === null) return 400;
  return server.host === null ? 422 : 200;
}
