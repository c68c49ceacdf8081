// Why: a backup is worth as much as what can be made of it when its server is gone: a new server, of any flavor that holds its disk.

import { badRequest } from '../../base/errors.ts';
import { newUuid } from '../../base/ids.ts';
import type { Op } from '../../base/op.ts';
import { findCopy } from '../../db/server-copies.ts';
import type { CreateServersRequest } from '../../domain/servers/create-request.ts';
import { isBackup } from '../../domain/servers/server-copies.ts';
import type { OpsDeps } from '../deps.ts';
import { createChecked, type CreatedServers } from './create.ts';
import { factsOf, imageOf } from './image-of-copy.ts';
import { checkRequest } from './new-server.ts';
import { checkRestorable, noCopy } from './restore-copy.ts';

/** As `createServers`, of one server whose image is made of a backup of the caller's project. Throws 404 and 409 besides. */
export async function createFromBackup(
  deps: OpsDeps,
  op: Op,
  copyId: string,
  asked: CreateServersRequest,
): Promise<CreatedServers> {
  const copy = await findCopy(deps.database.read, copyId);
  const isSeen = copy !== null && isBackup(copy) && (op.caller.isAdmin || copy.projectId === op.caller.projectId);
  if (!isSeen) throw noCopy(copyId);
  checkRestorable(copy);
  if (asked.maxCount !== 1) throw badRequest('One server is made of a backup at a time.');
  const imageId = newUuid();
  const request = { ...asked, imageRef: imageId };
  const checked = await checkRequest(deps, op, request, { made: factsOf(imageOf(copy, imageId), op.caller.projectId) });
  return createChecked(deps, op, checked, copy.id);
}
