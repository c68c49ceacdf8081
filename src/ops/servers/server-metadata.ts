// Why: a server's metadata change at once and touch no host. Each change sees the items as they are under the row's lock, so
// that two who add at the same time both keep what they added.

import { badRequest } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import { loadDetails, replaceMetadata } from '../../db/server-details.ts';
import { updateServer } from '../../db/servers.ts';
import { type Tx, tx } from '../../db/tx.ts';
import { sayTheSameTemplate, TEMPLATE_KEY } from '../../domain/servers/cloud-init-templates.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { lockServerFor } from '../engine/begin.ts';
import type { OpsDeps } from '../deps.ts';
import { checkBounds } from '../administration/quota-sets.ts';
import { changeable, defineTransition } from '../../domain/servers/transition.ts';

export const metadataTransitions = {
  updateMetadata: defineTransition('update metadata', 'Change the metadata.', changeable, { tasks: null }),
  deleteMetadata: defineTransition('delete metadata', 'Delete metadata.', changeable, { tasks: null }),
};

export type Metadata = Readonly<Record<string, string>>;

async function metadataOf(t: Tx, server: Server): Promise<Metadata> {
  const [detail] = await loadDetails(t, [server], { metadata: true });
  return detail?.metadata ?? {};
}

/** The template is what the guest was made with: metadata that said another would not be true. */
function keepTemplate(before: Metadata, after: Metadata): void {
  if (sayTheSameTemplate(before, after)) return;
  throw badRequest(
    `Metadata '${TEMPLATE_KEY}' and those of its variables are said when a server is made or rebuilt, and stay as they are until then.`,
  );
}

async function write(deps: OpsDeps, t: Tx, server: Server, metadata: Metadata): Promise<void> {
  await replaceMetadata(t, server.id, metadata);
  await updateServer(t, server.id, {}, deps.clock.now());
}

/**
 * Sets these items, and with `others: 'drop'` removes all others. Returns what the server has then.
 * Throws Nova's 403 when it would be more than the quota `metadata_items`, 400 where they say another template, and 409.
 */
export function setServerMetadata(
  deps: OpsDeps,
  op: Op,
  { uuid }: Pick<Server, 'uuid'>,
  items: Metadata,
  others: 'keep' | 'drop',
): Promise<Metadata> {
  return tx(deps.database, async (t) => {
    const server = await lockServerFor(t, op, uuid, metadataTransitions.updateMetadata);
    const before = await metadataOf(t, server);
    const metadata = others === 'drop' ? items : { ...before, ...items };
    keepTemplate(before, metadata);
    await checkBounds(t, deps.config.quota, op, { metadata: Object.keys(metadata).length });
    await write(deps, t, server, metadata);
    return metadata;
  });
}

/** Removes one item; none of that name: nothing happens. Throws Nova's 409, and 400 for one that says its template. */
export function deleteServerMetadata(
  deps: OpsDeps,
  op: Op,
  { uuid }: Pick<Server, 'uuid'>,
  key: string,
): Promise<void> {
  return tx(deps.database, async (t) => {
    const server = await lockServerFor(t, op, uuid, metadataTransitions.deleteMetadata);
    const before = await metadataOf(t, server);
    const { [key]: _gone, ...rest } = before;
    keepTemplate(before, rest);
    await write(deps, t, server, rest);
  });
}
