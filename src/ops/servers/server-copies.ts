// Why: what is asked of a snapshot or backup that is there: other words, another look at its bytes, its end. Files are worked on by
// whoever takes the job, for a backup may have no server any more.

import { conflict } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import { copiesOfChain, lockCopy, removeCopiesSoon, updateCopy } from '../../db/server-copies.ts';
import { tx } from '../../db/tx.ts';
import type { ServerCopy } from '../../domain/servers/server-copies.ts';
import type { OpsDeps } from '../deps.ts';
import { noCopy } from './restore-copy.ts';

export type CopyWords = Partial<Pick<ServerCopy, 'name' | 'description' | 'tags'>>;

type Named = Pick<ServerCopy, 'id'>;

/** Throws 404. */
export async function changeCopy(deps: OpsDeps, _op: Op, { id }: Named, words: CopyWords): Promise<ServerCopy> {
  return tx(deps.database, async (t) => {
    await updateCopy(t, id, words, deps.clock.now());
    const copy = await lockCopy(t, id);
    if (copy === null) throw noCopy(id);
    return copy;
  });
}

/** Begins its end. Throws 404, and 409 while it is in use or others build on it. */
export async function deleteCopy(deps: OpsDeps, _op: Op, { id }: Named): Promise<void> {
  await tx(deps.database, async (t) => {
    const copy = await lockCopy(t, id);
    if (copy === null) throw noCopy(id);
    if (copy.status === 'creating' || copy.status === 'restoring') {
      throw conflict(`${id} cannot be deleted while it is '${copy.status}'.`, { code: 'copy.busy' });
    }
    const chain = await copiesOfChain(t, copy.chainId);
    const child = chain.find(({ parentId, status }) => parentId === id && status !== 'deleting');
    if (child !== undefined) {
      throw conflict(`${id} cannot be deleted: ${child.id} builds on it, and has to go first.`, { code: 'copy.busy' });
    }
    if (copy.job !== 'delete') await removeCopiesSoon(t, [id], deps.clock.now());
  });
}

/** Begins a look at its bytes, and at those of all that it builds on. Throws 404, and 409 while it is made or goes. */
export async function verifyCopy(deps: OpsDeps, _op: Op, { id }: Named): Promise<void> {
  await tx(deps.database, async (t) => {
    const copy = await lockCopy(t, id);
    if (copy === null) throw noCopy(id);
    if (copy.sha256 === null || copy.job === 'delete') {
      throw conflict(`${id} cannot be verified while it is '${copy.status}'.`, { code: 'copy.busy' });
    }
    const nowMs = deps.clock.now();
    if (copy.job === null) await updateCopy(t, id, { job: 'verify', jobDueAt: nowMs }, nowMs);
  });
}
