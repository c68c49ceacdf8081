// Why: snapshots and backups are the same calls on two kinds of copies of a VM's disk.

import type { Copy, Kind } from '../../client/compute.ts';
import { backupTypes, tagsHere, tagsThere } from './names.ts';
import { type FaceRoute, of, route } from '../kit/route.ts';
import { accepted, closed, flag, listOf, name, text } from '../kit/schemas.ts';
import { backup, snapshot, tags } from './schemas.ts';

interface NewCopy {
  readonly name: string;
  readonly description?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly quiesce?: boolean;
  /** Of backups. */
  readonly type?: (typeof backupTypes)[number];
}

const words = { name, description: text(), tags, quiesce: flag };

const shapes = {
  snapshot: { body: closed(words, ['name']), answer: snapshot },
  backup: { body: closed({ ...words, type: { type: 'string', enum: backupTypes } }, ['name']), answer: backup },
} as const;

function copyView(copy: Copy) {
  const shown = {
    id: copy.id,
    vm_id: copy.server_id,
    name: copy.name,
    description: copy.description,
    tags: tagsHere(copy.tags),
    state: copy.status,
    reason: copy.reason,
    live: copy.live,
    disk_bytes: copy.disk_bytes,
    size_bytes: copy.file_bytes,
    sha256: copy.sha256,
    created_at: copy.created_at,
  };
  return copy.kind === undefined ? shown : { ...shown, type: copy.kind, parent_id: copy.parent_id ?? null };
}

/** What the compute API is asked for; a backup is whole unless it is said otherwise. */
const wishOf = (kind: Kind, { name: called, description, tags: marks, quiesce, type = 'full' }: NewCopy) => ({
  name: called,
  ...(description === undefined ? {} : { description }),
  ...(marks === undefined ? {} : { tags: tagsThere(marks) }),
  ...(quiesce === undefined ? {} : { quiesce }),
  ...(kind === 'backup' ? { incremental: type === 'incremental' } : {}),
});

const tag = 'Snapshots and backups';

function routesOf(kind: Kind): readonly FaceRoute[] {
  const { body, answer } = shapes[kind];
  const many = `${kind}s`;
  const id = `${kind}_id`;
  return [
    route({
      ...{ method: 'GET', path: `/vms/{vm_id}/${many}`, tag, status: 200, answer: listOf(many, answer) },
      summary: `List the ${many} of a VM, the newest first.`,
      run: async (call) => ({ [many]: (await call.compute.copies.list(kind, of(call, 'vm_id'))).map(copyView) }),
    }),
    route<NewCopy>({
      ...{ method: 'POST', path: `/vms/{vm_id}/${many}`, tag, status: 202, body, answer },
      summary:
        kind === 'snapshot'
          ? "Make a snapshot of a VM's disk, which may run; `quiesce`: its agent holds its file systems still meanwhile."
          : "Back up a VM's disk: `full`, or `incremental`, which holds what changed since the last one where that is known.",
      run: async (call) => copyView(await call.compute.copies.create(kind, of(call, 'vm_id'), wishOf(kind, call.body))),
    }),
    route({
      ...{ method: 'GET', path: `/${many}/{${id}}`, tag, summary: `Show a ${kind}.`, status: 200, answer },
      run: async (call) => copyView(await call.compute.copies.show(kind, of(call, id))),
    }),
    route({
      ...{
        method: 'DELETE',
        path: `/${many}/{${id}}`,
        tag,
        summary: `Delete a ${kind}.`,
        status: 202,
        answer: accepted,
      },
      run: async (call) => {
        await call.compute.copies.remove(kind, of(call, id));
        return { accepted: 'delete', id: of(call, id) };
      },
    }),
    route({
      ...{ method: 'POST', path: `/vms/{vm_id}/${many}/{${id}}/restore`, tag, status: 202, answer: accepted },
      summary: `Give a VM the disk of one of its ${many}; one that runs is shut down, and started again.`,
      run: async (call) => {
        await call.compute.copies.restore(kind, of(call, 'vm_id'), of(call, id));
        return { accepted: 'restore', vm_id: of(call, 'vm_id'), id: of(call, id) };
      },
    }),
  ];
}

export const copyRoutes = [...routesOf('snapshot'), ...routesOf('backup')];
