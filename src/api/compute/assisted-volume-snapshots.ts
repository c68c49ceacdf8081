// Why: for volumes that are files on a shared file system, the hypervisor makes the snapshots. No volume can be attached to a
// server here yet, so none that is asked about has a mapping.

import { badRequest } from '../../base/errors.ts';
import { history } from '../../base/history.ts';
import { closed, multi, queryHistory, text, wrapped } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';

const word = { type: 'string', minLength: 1 };

const createBody = wrapped(
  'snapshot',
  closed(
    {
      volume_id: word,
      create_info: closed({ snapshot_id: word, type: { type: 'string', enum: ['qcow2'] }, new_file: word, id: word }, [
        'snapshot_id',
        'type',
        'new_file',
      ]),
    },
    ['volume_id', 'create_info'],
  ),
);

interface CreateBody {
  readonly snapshot: { readonly volume_id: string };
}

function noMapping(volumeId: string): never {
  throw badRequest(`No volume Block Device Mapping with id ${volumeId}.`, { code: 'volume' });
}

/** The volume in `delete_info`, which is JSON within the query. Throws 400 for what is none. */
function volumeOf({ query }: Call): string {
  const info = query['delete_info']?.at(-1);
  if (info === undefined) throw badRequest("'delete_info'");
  let value: unknown;
  try {
    value = JSON.parse(info);
  } catch (error) {
    throw badRequest('delete_info is not JSON', { cause: error });
  }
  const volume = (value as { volume_id?: unknown } | null)?.volume_id;
  if (typeof volume !== 'string') throw badRequest("'volume_id'");
  return volume;
}

export default resource({
  'POST /os-assisted-volume-snapshots': route<'none', CreateBody>()({
    summary: 'Let the hypervisor make a snapshot of an attached volume.',
    policy: 'os_compute_api:os-assisted-volume-snapshots:create',
    body: createBody,
    status: 200,
    run: ({ body }) => noMapping(body.snapshot.volume_id),
  }),
  'DELETE /os-assisted-volume-snapshots/:snapshot_id': route()({
    summary: 'Let the hypervisor remove a snapshot of an attached volume.',
    policy: 'os_compute_api:os-assisted-volume-snapshots:delete',
    query: queryHistory(history<unknown>({ delete_info: multi(text) }), '2.75'),
    status: 204,
    run: (call) => noMapping(volumeOf(call)),
  }),
});
