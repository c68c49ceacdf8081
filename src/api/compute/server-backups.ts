// Why: backups stand apart from their servers: whole ones and what changed since, each a file of its own, and they stay when the server goes.

import { badRequest } from '../../base/errors.ts';
import { backupsOfProject, copiesOfServer } from '../../db/server-copies.ts';
import { limits } from '../../base/limits.ts';
import type { ServerCopy } from '../../domain/servers/server-copies.ts';
import { boolean, closed, isTrue, wrapped } from '../parameters.ts';
import { resource, route } from '../resource.ts';
import { type CreateBody, createdView, createRules, parseCreate } from './servers/create.ts';
import { createBody } from './servers/create-schema.ts';
import { copyView, ownBackup, words, type WordsBody, wordsOf } from './server-copies.ts';

const rule = (name: string): string => `os_compute_api:xloud:backups:${name}`;

interface BackUpBody {
  readonly backup: WordsBody & {
    readonly name: string;
    readonly incremental?: boolean | string;
    readonly quiesce?: boolean | string;
  };
}

interface ChangeBody {
  readonly backup: WordsBody;
}

const created = wrapped('backup', closed({ ...words, incremental: boolean, quiesce: boolean }, ['name']));
const changed = wrapped('backup', closed(words));

const backupView = (backup: ServerCopy) => ({
  ...copyView(backup),
  kind: backup.kind,
  parent_id: backup.parentId,
  chain_id: backup.chainId,
  position: backup.position,
  scheduled: backup.scheduled,
});

const one = (backup: ServerCopy) => ({ backup: backupView(backup) });
const many = (backups: readonly ServerCopy[]) => ({ backups: backups.map(backupView) });

/** Stands where the image would that is made of the backup. */
const NO_IMAGE = '00000000-0000-0000-0000-000000000000';

const OF_SERVER = '/servers/:server_id/os-xloud-backups' as const;
const ALL = '/os-xloud-backups' as const;
const ONE = `${ALL}/:backup_id` as const;

export default resource({
  [`GET ${OF_SERVER}`]: route<'server'>()({
    summary: 'List the backups of a server, the newest first.',
    policy: rule('index'),
    target: 'server',
    status: 200,
    run: ({ services, target }) => copiesOfServer(services.db, target.uuid, 'backups'),
    view: many,
  }),
  [`POST ${OF_SERVER}`]: route<'server', BackUpBody>()({
    summary:
      'Back up the root disk of a server; of a running one only what changed since its last backup, where that is known and `incremental` is not false.',
    policy: rule('create'),
    target: 'server',
    body: created,
    status: 202,
    run: ({ op, services, target, body: { backup } }) =>
      services.ops.copyServer(op, target, {
        ...{ what: 'backup', description: null, tags: [], name: backup.name, memory: false },
        ...wordsOf(backup),
        quiesce: isTrue(backup.quiesce ?? false),
        incremental: isTrue(backup.incremental ?? true),
      }),
    view: one,
  }),
  [`POST ${OF_SERVER}/:backup_id/restore`]: route<'server'>()({
    summary: 'Give a server the disk of one of its backups; a server that runs is shut down, and started again.',
    policy: rule('restore'),
    target: 'server',
    status: 202,
    run: ({ op, services, target, params }) =>
      services.ops.restoreCopy(op, target, { what: 'backup', id: params['backup_id'] ?? '' }),
  }),
  [`GET ${ALL}`]: route()({
    summary: "List the newest backups of the project's servers, those of deleted servers among them.",
    policy: rule('index'),
    status: 200,
    run: ({ op, services }) => backupsOfProject(services.db, op.caller.projectId ?? '', limits.pageSize),
    view: many,
  }),
  [`GET ${ONE}`]: route()({
    summary: 'Show a backup.',
    policy: rule('show'),
    status: 200,
    run: ownBackup,
    view: one,
  }),
  [`PUT ${ONE}`]: route<'none', ChangeBody>()({
    summary: "Change a backup's name, description or tags.",
    policy: rule('update'),
    body: changed,
    status: 200,
    run: async (call) => call.services.ops.changeCopy(call.op, await ownBackup(call), wordsOf(call.body.backup)),
    view: one,
  }),
  [`DELETE ${ONE}`]: route()({
    summary: 'Delete a backup on which no other builds.',
    policy: rule('delete'),
    status: 202,
    run: async (call) => call.services.ops.deleteCopy(call.op, await ownBackup(call)),
  }),
  [`POST ${ONE}/restore`]: route<'none', CreateBody>()({
    summary: 'Make a new server of a backup: the body is that of a new server, without image and block devices.',
    policy: rule('restore'),
    alsoAsks: ['os_compute_api:servers:create', ...createRules],
    body: createBody,
    status: 202,
    run: async (call) => {
      call.enforce('os_compute_api:servers:create');
      const { server } = call.body;
      for (const key of ['imageRef', 'block_device_mapping', 'block_device_mapping_v2'] as const) {
        if (server[key] !== undefined)
          throw badRequest(`'${key}' has no place here: the backup is what it begins with.`);
      }
      const body = { ...call.body, server: { ...server, imageRef: NO_IMAGE } };
      const request = parseCreate({ ...call, body }, null);
      const created = await call.services.ops.createFromBackup(call.op, call.params['backup_id'] ?? '', request);
      const [first] = created.servers;
      if (first !== undefined) call.header('Location', `${call.url.versioned}/servers/${first.uuid}`);
      return created;
    },
    view: createdView,
  }),
  [`POST ${ONE}/verify`]: route()({
    summary:
      'Read a backup, and all that it builds on, to the last byte; `verified_at`, or `reason`, says what was found.',
    policy: rule('verify'),
    status: 202,
    run: async (call) => call.services.ops.verifyCopy(call.op, await ownBackup(call)),
  }),
});
