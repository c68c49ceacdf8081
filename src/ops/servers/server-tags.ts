// Why: a server's tags change at once and touch no host. The row's lock makes the count that is checked the count that holds.

import { badRequest, notFound } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Op } from '../../base/op.ts';
import { deleteTag, insertTag, loadDetails, replaceTags } from '../../db/server-details.ts';
import { type Tx, tx } from '../../db/tx.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { tagProblem } from '../../domain/servers/server-tags.ts';
import { lockServerFor } from '../engine/begin.ts';
import type { OpsDeps } from '../deps.ts';
import { noteUpdate } from '../notifications/notify.ts';
import { anytime, changeable, defineTransition } from '../../domain/servers/transition.ts';

export const tagTransitions = {
  updateTag: defineTransition('update tag', 'Add a tag.', changeable, anytime),
  updateTags: defineTransition('update tags', 'Replace the tags.', changeable, anytime),
  deleteTag: defineTransition('delete tag', 'Remove a tag.', changeable, anytime),
  deleteTags: defineTransition('delete tags', 'Remove all tags.', changeable, anytime),
};

type Named = Pick<Server, 'uuid'>;

async function tagsOf(t: Tx, server: Server): Promise<readonly string[]> {
  const [detail] = await loadDetails(t, [server], { tags: true });
  return detail?.tags ?? [];
}

/** The server's tags become exactly these, doubles counting once; returned in their order. Throws Nova's 409. */
export function setServerTags(
  deps: OpsDeps,
  op: Op,
  { uuid }: Named,
  tags: readonly string[],
): Promise<readonly string[]> {
  return tx(deps.database, async (t) => {
    const server = await lockServerFor(t, op, uuid, tagTransitions.updateTags);
    await replaceTags(t, server.id, tags);
    await noteUpdate(t, deps, op, server);
    return tagsOf(t, server);
  });
}

/** Whether the tag is new; false: the server had it. Throws Nova's 409, and 400 for a bad tag and for one too many. */
export function addServerTag(deps: OpsDeps, op: Op, { uuid }: Named, tag: string): Promise<boolean> {
  return tx(deps.database, async (t) => {
    const server = await lockServerFor(t, op, uuid, tagTransitions.updateTag);
    const problem = tagProblem(tag);
    if (problem !== null) throw badRequest(problem);
    const tags = await tagsOf(t, server);
    if (tags.length >= limits.tagsPerServer) {
      throw badRequest(`The number of tags exceeded the per-server limit ${limits.tagsPerServer}`);
    }
    if (tags.includes(tag)) return false;
    await insertTag(t, server.id, tag);
    await noteUpdate(t, deps, op, server);
    return true;
  });
}

/** Throws Nova's 404 when the server has no such tag, and 409. */
export function deleteServerTag(deps: OpsDeps, op: Op, { uuid }: Named, tag: string): Promise<void> {
  return tx(deps.database, async (t) => {
    const server = await lockServerFor(t, op, uuid, tagTransitions.deleteTag);
    if (!(await deleteTag(t, server.id, tag))) throw notFound(`Instance ${uuid} has no tag '${tag}'`);
    await noteUpdate(t, deps, op, server);
  });
}

/** Throws Nova's 409. */
export function deleteServerTags(deps: OpsDeps, op: Op, { uuid }: Named): Promise<void> {
  return tx(deps.database, async (t) => {
    const server = await lockServerFor(t, op, uuid, tagTransitions.deleteTags);
    await replaceTags(t, server.id, []);
    await noteUpdate(t, deps, op, server);
  });
}
