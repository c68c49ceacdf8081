// Why: users and administrators ask for everything there is, mostly for what is allowed just then, with each other's servers too.

import type { Caller, Op } from '../../src/base/op.ts';
import { isBroken } from './log.ts';
import { systemCaller } from '../../src/base/op.ts';
import { silentLog } from '../../src/base/log.ts';
import { conflict, Fault } from '../../src/base/errors.ts';
import { newRequestId } from '../../src/base/ids.ts';
import { listServers } from '../../src/db/server-list.ts';
import type { Server } from '../../src/domain/servers/servers.ts';
import { refusal } from '../../src/domain/servers/transition.ts';
import type { Ops } from '../../src/ops/index.ts';
import { testImage, testNetwork } from '../support/neighbours.ts';
import { createRequest, memberCaller } from '../support/world.ts';
import type { Cloud } from './cloud.ts';
import type { Dice } from './dice.ts';
import { requestOf } from '../support/request-of.ts';
import { transitionOf } from '../support/transitions.ts';

/** Flavors by their ids; the second is what servers are resized to. */
export const flavors = [
  { id: 'elastic', vcpus: 4, memoryMb: 1_024, specs: { minimum_cpu: '1', minimum_memory: '256' } },
  { id: 'larger', vcpus: 6, memoryMb: 2_048, specs: { minimum_cpu: '2', minimum_memory: '512' } },
  { id: 'fixed', vcpus: 2, memoryMb: 512, specs: {} },
] as const;

const oddities = [
  'partial:50',
  'refuse',
  'refuse:vcpus',
  'refuse:memory',
  'offline',
  'deaf',
  'mute',
  'crash',
  'balloon-slow:2000',
  'no-balloon',
  'slow:700',
  'live-slow:9000',
  'fail:spawn',
  'fail:adjust',
  'fail:powerOff',
  'fail:powerOn',
  'fail:snapshot',
  'fail:uploadSnapshot',
  'fail:migrateDisk',
  'fail:receiveDisk',
  'fail:liveMigrate',
  'fail:rebuild',
  'fail:attachNic',
] as const;

export const oddity = (dice: Dice): string => dice.pick(oddities);

interface Ask {
  readonly op: Op;
  readonly ops: Ops;
  readonly server: Server;
  readonly dice: Dice;
  readonly cloud: Cloud;
}

interface Wish {
  readonly name: string;
  readonly move: string;
  /** How often it is wished for, beside the others. */
  readonly weight: number;
  readonly ask: (ask: Ask) => Promise<unknown>;
}

const wish = (name: string, move: string, weight: number, ask: Wish['ask']): Wish => ({ name, move, weight, ask });

const nowhere = { host: null, forced: false } as const;

/** The last migration of a server that goes on. */
async function migrationOf({ cloud, server }: Ask): Promise<string> {
  const row: { id: number } | undefined = await cloud.database
    .read('migrations')
    .where({ server_uuid: server.uuid, migration_type: 'live-migration' })
    .orderBy('id', 'desc')
    .first('id');
  return String(row?.id ?? 0);
}

const portOf = ({ cloud, server, dice }: Ask): string => {
  const ports = cloud.networks.ports().filter(({ serverUuid }) => serverUuid === server.uuid);
  return ports.length === 0 ? 'none' : dice.pick(ports).nic.portId;
};

const wishes: readonly Wish[] = [
  wish('adjust', 'adjust', 14, ({ ops, op, server, dice }) =>
    ops.adjustServer(op, server, {
      vcpus: dice.hits(0.2) ? null : dice.between(1, 4),
      memoryMb: dice.hits(0.2) ? null : 256 * dice.between(1, 4),
      persist: dice.hits(0.7),
      mayMigrate: true,
    }),
  ),
  wish('stop', 'stop', 5, ({ ops, op, server }) => ops.requestAction(op, server, requestOf('os-stop'))),
  wish('start', 'start', 8, ({ ops, op, server }) => ops.requestAction(op, server, requestOf('os-start'))),
  wish('reboot', 'rebootSoft', 3, ({ ops, op, server }) => ops.rebootServer(op, server, 'SOFT')),
  wish('reboot hard', 'rebootHard', 3, ({ ops, op, server }) => ops.rebootServer(op, server, 'HARD')),
  wish('pause', 'pause', 3, ({ ops, op, server }) => ops.requestAction(op, server, requestOf('pause'))),
  wish('sync', 'sync', 2, ({ ops, op, server }) => ops.requestAction(op, server, requestOf('os-xloud-sync'))),
  wish('unpause', 'unpause', 6, ({ ops, op, server }) => ops.requestAction(op, server, requestOf('unpause'))),
  wish('suspend', 'suspend', 3, ({ ops, op, server }) => ops.requestAction(op, server, requestOf('suspend'))),
  wish('resume', 'resume', 6, ({ ops, op, server }) => ops.requestAction(op, server, requestOf('resume'))),
  wish('rebuild', 'rebuild', 3, ({ ops, op, server }) =>
    ops.rebuildServer(op, server, {
      imageRef: testImage().id,
      adminPass: 'x',
      change: {},
      files: [],
      preserveEphemeral: false,
    }),
  ),
  wish('rescue', 'rescue', 3, ({ ops, op, server }) =>
    ops.rescueServer(op, server, { adminPass: 'x', imageRef: null }),
  ),
  wish('unrescue', 'unrescue', 6, ({ ops, op, server }) => ops.requestAction(op, server, requestOf('unrescue'))),
  wish('image', 'createImage', 3, ({ ops, op, server }) => ops.createImage(op, server, { name: 'copy', metadata: {} })),
  wish('shelve', 'shelve', 3, ({ ops, op, server }) => ops.requestAction(op, server, requestOf('shelve'))),
  wish('offload', 'shelveOffload', 2, ({ ops, op, server }) =>
    ops.requestAction(op, server, requestOf('shelveOffload')),
  ),
  wish('unshelve', 'unshelve', 6, ({ ops, op, server }) =>
    ops.unshelveServer(op, server, { zone: undefined, host: null, mayNameHost: () => undefined }),
  ),
  wish('resize', 'resize', 5, ({ ops, op, server, dice }) =>
    ops.resizeServer(op, server, { flavorRef: dice.pick(flavors).id, autoDiskConfig: null }),
  ),
  wish('migrate', 'migrate', 4, ({ ops, op, server }) => ops.migrateServer(op, server, null)),
  wish('confirm', 'confirmResize', 8, ({ ops, op, server }) =>
    ops.requestAction(op, server, requestOf('confirmResize')),
  ),
  wish('revert', 'revertResize', 6, ({ ops, op, server }) => ops.requestAction(op, server, requestOf('revertResize'))),
  wish('live migrate', 'liveMigrate', 5, ({ ops, op, server }) =>
    ops.liveMigrateServer(op, server, { ...nowhere, blockMigration: null, checkFirst: false }),
  ),
  wish('abort live', 'abortMigration', 3, async (ask) =>
    ask.ops.abortLiveMigration(ask.op, ask.server, await migrationOf(ask), true),
  ),
  wish('force live', 'forceComplete', 2, async (ask) =>
    ask.ops.forceLiveMigration(ask.op, ask.server, await migrationOf(ask)),
  ),
  wish('evacuate', 'evacuate', 3, ({ ops, op, server, cloud }) => {
    // whoever evacuates has made sure that the host is dead and not only silent: no program can
    const host = cloud.hosts.find(({ name }) => name === server.host);
    if (host?.hasPower) throw conflict('Its host has power.');
    return ops.evacuateServer(op, server, { ...nowhere, adminPass: 'x', staysOff: false });
  }),
  wish('attach', 'attachInterface', 3, ({ ops, op, server }) =>
    ops.attachInterface(op, server, { networkId: testNetwork.id, portId: null, fixedIp: null, tag: null }, true),
  ),
  wish('detach', 'detachInterface', 2, (ask) => ask.ops.detachInterface(ask.op, ask.server, portOf(ask))),
  wish('reset', 'resetState', 1, ({ ops, op, server, dice }) =>
    ops.resetState(op, server, dice.pick(['active', 'error'])),
  ),
  wish('restore', 'restore', 6, ({ ops, op, server }) => ops.requestAction(op, server, requestOf('restore'))),
  wish('delete', 'delete', 5, ({ ops, op, server }) => ops.deleteServer(op, server)),
  wish('force delete', 'forceDelete', 1, ({ ops, op, server }) =>
    ops.requestAction(op, server, requestOf('forceDelete')),
  ),
];

/** What was asked for, and whether it was promised. */
export interface Request {
  readonly requestId: string;
  readonly what: string;
  /** The server that shall be deleted; null: something else is asked. */
  readonly deletes: string | null;
  promised: boolean;
}

/** Living servers, more or less: where nobody crowds, and where more want room than there is. */
const FEW = 5;
const MANY = 10;

export class Users {
  readonly requests: Request[] = [];
  readonly #cloud: Cloud;
  readonly #dice: Dice;
  #made = 0;

  constructor(cloud: Cloud, dice: Dice) {
    this.#cloud = cloud;
    this.#dice = dice;
  }

  #op(caller: Caller): Op {
    return {
      requestId: newRequestId(),
      globalRequestId: null,
      caller,
      minor: 104,
      clock: this.#cloud.api.life,
      log: silentLog,
    };
  }

  get admin(): Op {
    return this.#op({ ...systemCaller, systemScope: null, projectId: memberCaller.projectId });
  }

  /** Asks for one thing; resolves when it is answered. A process that dies meanwhile answers nothing. */
  async ask(
    what: string,
    work: (op: Op, ops: Ops) => Promise<unknown>,
    deletes: string | null = null,
  ): Promise<boolean> {
    const { trace, api } = this.#cloud;
    const op = this.admin;
    const request: Request = { requestId: op.requestId, what, deletes, promised: false };
    this.requests.push(request);
    trace.tell('user', what);
    try {
      await work(op, api.ops);
      request.promised = true;
      trace.tell('user', `${what}: accepted`);
    } catch (error) {
      // a refusal, or a service that is away, is an answer; anything else is a mistake of the program's
      if ((!(error instanceof Fault) && !isAway(error)) || isBroken(error)) throw error;
      trace.tell('user', `${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
    return request.promised;
  }

  async living(): Promise<readonly Server[]> {
    return listServers(this.#cloud.database.read, {}, { limit: 100, marker: null, sort: [] });
  }

  async #create(): Promise<void> {
    const [dice, { mishaps, trace }] = [this.#dice, this.#cloud];
    const odd = dice.hits(mishaps.weather.oddGuests) ? oddity(dice) : null;
    const count = dice.hits(0.15) ? 2 : 1;
    const flavorRef = dice.hits(0.75) ? flavors[0].id : dice.pick(flavors).id;
    this.#made += 1;
    const name = `vm${this.#made}`;
    await this.ask(`create ${count} ${flavorRef} ${name} ${odd ?? ''}`, async (op, ops) => {
      const made = await ops.createServers(op, {
        ...createRequest(flavorRef, testImage().id),
        name,
        minCount: count,
        maxCount: count,
        metadata: odd === null ? {} : { xloud_fake: odd },
      });
      for (const [index, { uuid }] of made.servers.entries())
        trace.name(uuid, index === 0 ? name : `${name}-${index + 1}`);
    });
  }

  /** One more thing that somebody wants. */
  async next(): Promise<void> {
    const dice = this.#dice;
    const servers = await this.living();
    const { crowded } = this.#cloud.mishaps.weather;
    const few = servers.length < (crowded ? MANY : FEW) && dice.hits(crowded ? 0.6 : 0.25);
    if (servers.length === 0 || few) return this.#create();
    const server = dice.pick(servers);
    const legal = dice.hits(0.85)
      ? wishes.filter(({ move }) => refusal(server, transitionOf(move), true) === null)
      : wishes;
    const hat = legal.flatMap((one) => Array.from({ length: one.weight }, () => one));
    if (hat.length === 0) return;
    const one = dice.pick(hat);
    const { trace } = this.#cloud;
    trace.name(server.uuid, server.displayName);
    await this.ask(
      `${one.name} ${server.displayName}`,
      (op, ops) => one.ask({ op, ops, server, dice, cloud: this.#cloud }),
      one.name.endsWith('delete') ? server.uuid : null,
    );
  }
}

/** The API answers 503 to it. */
const isAway = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'PROTOCOL_CONNECTION_LOST';
