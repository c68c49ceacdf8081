// Why: the disk of a server as it was, kept beside the server, to go back to.

import { copiesOfServer } from '../../db/server-copies.ts';
import { boolean, closed, isTrue, wrapped } from '../parameters.ts';
import { resource, route } from '../resource.ts';
import { copyOfTarget, copyView, ownSnapshot, words, type WordsBody, wordsOf } from './server-copies.ts';

const rule = (name: string): string => `os_compute_api:xloud:snapshots:${name}`;

interface CreateBody {
  readonly snapshot: WordsBody & {
    readonly name: string;
    readonly memory?: boolean | string;
    readonly quiesce?: boolean | string;
  };
}

interface ChangeBody {
  readonly snapshot: WordsBody;
}

const created = wrapped('snapshot', closed({ ...words, memory: boolean, quiesce: boolean }, ['name']));
const changed = wrapped('snapshot', closed(words));

const PATH = '/servers/:server_id/os-xloud-snapshots' as const;
const ONE = `${PATH}/:snapshot_id` as const;
const BY_ID = '/os-xloud-snapshots/:snapshot_id' as const;

export default resource({
  [`GET ${PATH}`]: route<'server'>()({
    summary: 'List the snapshots of a server, the newest first.',
    policy: rule('index'),
    target: 'server',
    status: 200,
    run: ({ services, target }) => copiesOfServer(services.db, target.uuid, 'snapshots'),
    view: (snapshots) => ({ snapshots: snapshots.map(copyView) }),
  }),
  [`POST ${PATH}`]: route<'server', CreateBody>()({
    summary:
      'Make a snapshot of the root disk of a server, which may run; `quiesce`: while its agent holds its file systems still.',
    policy: rule('create'),
    target: 'server',
    body: created,
    status: 202,
    run: ({ op, services, target, body: { snapshot } }) =>
      services.ops.copyServer(op, target, {
        ...{ what: 'snapshot', description: null, tags: [], name: snapshot.name },
        ...wordsOf(snapshot),
        memory: isTrue(snapshot.memory ?? false),
        quiesce: isTrue(snapshot.quiesce ?? false),
        incremental: false,
      }),
    view: (snapshot) => ({ snapshot: copyView(snapshot) }),
  }),
  [`GET ${ONE}`]: route<'server'>()({
    summary: 'Show a snapshot of a server.',
    policy: rule('show'),
    target: 'server',
    status: 200,
    run: (call) => copyOfTarget(call, 'snapshot'),
    view: (snapshot) => ({ snapshot: copyView(snapshot) }),
  }),
  [`PUT ${ONE}`]: route<'server', ChangeBody>()({
    summary: "Change a snapshot's name, description or tags.",
    policy: rule('update'),
    target: 'server',
    body: changed,
    status: 200,
    run: async (call) =>
      call.services.ops.changeCopy(call.op, await copyOfTarget(call, 'snapshot'), wordsOf(call.body.snapshot)),
    view: (snapshot) => ({ snapshot: copyView(snapshot) }),
  }),
  [`DELETE ${ONE}`]: route<'server'>()({
    summary: 'Delete a snapshot of a server.',
    policy: rule('delete'),
    target: 'server',
    status: 202,
    run: async (call) => call.services.ops.deleteCopy(call.op, await copyOfTarget(call, 'snapshot')),
  }),
  [`GET ${BY_ID}`]: route()({
    summary: 'Show a snapshot, whichever server it is of.',
    policy: rule('show'),
    status: 200,
    run: ownSnapshot,
    view: (snapshot) => ({ snapshot: copyView(snapshot) }),
  }),
  [`DELETE ${BY_ID}`]: route()({
    summary: 'Delete a snapshot, whichever server it is of.',
    policy: rule('delete'),
    status: 202,
    run: async (call) => call.services.ops.deleteCopy(call.op, await ownSnapshot(call)),
  }),
  [`POST ${ONE}/restore`]: route<'server'>()({
    summary: 'Give a server the disk of one of its snapshots; a server that runs is shut down, and started again.',
    policy: rule('restore'),
    target: 'server',
    status: 202,
    run: ({ op, services, target, params }) =>
      services.ops.restoreCopy(op, target, { what: 'snapshot', id: params['snapshot_id'] ?? '' }),
  }),
});
