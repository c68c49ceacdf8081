// Random sequences of calls by several users against a small model. A server goes only where the transitions lead; whatever
// happens, claims are the sum of the servers, quota's count is a recount, hypervisors show what is claimed, nobody sees anybody
// else's servers, and nothing is a 5xx.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Server, VmState } from '../../src/domain/servers/servers.ts';
import { refusal } from '../../src/domain/servers/transition.ts';
import { transitionOf } from '../support/transitions.ts';
import type { Answer } from '../support/http.ts';
import { callers } from '../support/callers.ts';
import { type Servers, startServers } from '../support/servers.ts';
import { checkHypervisors, checkQuota } from '../support/sums.ts';

const HOSTS = ['host-1', 'host-2', 'host-3'];
/** Others at each run; the simulation, which runs beside, plays many more (test/sim). */
const SEQUENCES = 8;
const STEPS = 50;
/** Of ten actions, so many that the server's state allows: else most of a sequence would be refusals. */
const LAWFUL = 7;
const FLAVORS = ['elastic', 'plain', 'large'];
/** What guests do wrong, most of them nothing. */
const BEHAVIOURS = [
  '',
  '',
  '',
  '',
  'fail:powerOff',
  'fail:reboot',
  'refuse:memory',
  'partial:50',
  'fail:snapshot',
  'no-balloon',
];

type Owner = 'member' | 'other';

interface Act {
  readonly move: string;
  readonly admin?: true;
  readonly body: (servers: Servers, flavor: string) => object;
  readonly version?: string;
}

const plain =
  (key: string): Act['body'] =>
  () => ({ [key]: null });

/** The actions of the API by their moves. */
const acts: readonly Act[] = [
  { move: 'start', body: plain('os-start') },
  { move: 'stop', body: plain('os-stop') },
  { move: 'rebootSoft', body: () => ({ reboot: { type: 'SOFT' } }) },
  { move: 'rebootHard', body: () => ({ reboot: { type: 'HARD' } }) },
  { move: 'pause', body: plain('pause') },
  { move: 'unpause', body: plain('unpause') },
  { move: 'suspend', body: plain('suspend') },
  { move: 'resume', body: plain('resume') },
  { move: 'lock', body: plain('lock') },
  { move: 'unlock', body: plain('unlock') },
  { move: 'rescue', body: plain('rescue') },
  { move: 'unrescue', body: plain('unrescue') },
  { move: 'rebuild', body: ({ imageId }) => ({ rebuild: { imageRef: imageId } }) },
  { move: 'shelve', body: plain('shelve') },
  { move: 'shelveOffload', admin: true, body: plain('shelveOffload') },
  { move: 'unshelve', body: plain('unshelve') },
  { move: 'resize', body: (_, flavorRef) => ({ resize: { flavorRef } }) },
  { move: 'migrate', admin: true, body: plain('migrate') },
  { move: 'confirmResize', body: plain('confirmResize') },
  { move: 'revertResize', body: plain('revertResize') },
  {
    move: 'liveMigrate',
    admin: true,
    version: '2.30',
    body: () => ({ 'os-migrateLive': { host: null, block_migration: 'auto' } }),
  },
  { move: 'createImage', body: () => ({ createImage: { name: 'copy' } }) },
];

type Command =
  | { readonly kind: 'create'; readonly owner: Owner; readonly flavor: string; readonly behaviour: string }
  | {
      readonly kind: 'act';
      readonly which: number;
      readonly act: Act;
      readonly flavor: string;
      readonly lawful: number;
    }
  | { readonly kind: 'adjust'; readonly which: number; readonly vcpus: number; readonly memoryMb: number }
  | { readonly kind: 'delete'; readonly which: number }
  | { readonly kind: 'look'; readonly which: number };

const which = fc.nat({ max: 20 });
const flavor = fc.constantFrom(...FLAVORS);
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('create' as const),
      owner: fc.constantFrom<Owner>('member', 'other'),
      flavor,
      behaviour: fc.constantFrom(...BEHAVIOURS),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('act' as const),
      which,
      act: fc.constantFrom(...acts),
      flavor,
      lawful: fc.nat({ max: 9 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('adjust' as const),
      which,
      vcpus: fc.integer({ min: 1, max: 5 }),
      memoryMb: fc.integer({ min: 128, max: 5000 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('look' as const), which }) },
);

interface Sent {
  readonly id: string;
  readonly move: string;
  readonly as: Owner | 'admin';
  readonly answer: Answer;
}

interface Known {
  readonly id: string;
  readonly owner: Owner;
}

const projectOf = (owner: Owner): string => callers[owner].projectId as string;
const strangerOf = (owner: Owner): Owner => (owner === 'member' ? 'other' : 'member');

class Run {
  readonly servers: Servers;
  readonly known: Known[] = [];
  constructor(servers: Servers) {
    this.servers = servers;
  }

  pick(index: number): Known | undefined {
    return this.known[index % Math.max(1, this.known.length)];
  }

  row(id: string): Promise<Server> {
    return this.servers.world.server(id);
  }

  fits({ status, text }: Answer): void {
    assert.ok(status < 500 || status === 501, `${status}: ${text}`);
  }

  /** Sends a command; returns what it was answered, and the moves that it may have begun. */
  async send(one: Command): Promise<Sent | null> {
    const { servers } = this;
    if (one.kind === 'create') {
      const metadata = one.behaviour === '' ? {} : { xloud_fake: one.behaviour };
      const answer = await servers.post({ flavorRef: one.flavor, metadata }, { as: one.owner });
      this.fits(answer);
      if (answer.status === 202) this.known.push({ id: answer.body.server.id as string, owner: one.owner });
      return null;
    }
    const target = this.pick(one.which);
    if (target === undefined) return null;
    const { id, owner } = target;
    if (one.kind === 'look') {
      this.fits(await servers.request('GET', `/servers/${id}`, { as: owner, version: 'latest' }));
      return null;
    }
    if (one.kind === 'delete') {
      const answer = await servers.request('DELETE', `/servers/${id}`, { as: 'admin' });
      this.fits(answer);
      return { id, move: 'delete', as: 'admin', answer };
    }
    if (one.kind === 'adjust') {
      const body = { current_vcpus: one.vcpus, current_memory_mb: one.memoryMb };
      const answer = await servers.request('POST', `/os-xloud-adjust/${id}`, { as: 'admin', body });
      this.fits(answer);
      return { id, move: 'adjust', as: 'admin', answer };
    }
    const act = await this.actOf(one, id);
    const as = act.admin === true ? 'admin' : owner;
    const version = act.version === undefined ? {} : { version: act.version };
    const answer = await servers.act(id, act.body(servers, one.flavor), { as, ...version });
    this.fits(answer);
    return { id, move: act.move, as, answer };
  }

  /** The action of the command, or mostly the next one in the list that the server's state allows. */
  async actOf({ act, lawful }: Command & { kind: 'act' }, id: string): Promise<Act> {
    if (lawful >= LAWFUL) return act;
    const row = await this.row(id);
    const from = acts.indexOf(act);
    return (
      [...acts.slice(from), ...acts.slice(0, from)].find(
        ({ move }) => refusal(row, transitionOf(move), true) === null,
      ) ?? act
    );
  }

  /** One command at rest: accepted only where the table allows it, and then the server is where it leads, or where it was, or failed. */
  async stepAtRest(one: Command): Promise<void> {
    const target = one.kind === 'create' ? undefined : this.pick(one.which);
    const before = target === undefined ? null : await this.row(target.id);
    const sent = await this.send(one);
    await this.servers.world.settled();
    if (sent === null || before === null || before.deleted) return;
    const after = await this.row(sent.id);
    const accepted = sent.answer.status >= 200 && sent.answer.status < 300;
    const admin = sent.as === 'admin';
    const legal = refusal(before, transitionOf(sent.move), admin) === null;
    if (accepted) assert.ok(legal, `${sent.move} was accepted for ${before.vmState}`);
    if (!accepted) {
      assert.equal(
        after.vmState,
        before.vmState,
        `${sent.move} was refused (${sent.answer.text}) and changed the server`,
      );
      if (sent.answer.status === 409 && legal) {
        // lawful by the states, so something else stands in the way, and it is named
        assert.match(sent.answer.text, /room|hosts|adjust|progress|same|minimum|maximum|free|ready|locked/i);
      }
      return;
    }
    const ends: readonly (VmState | null)[] = [
      before.vmState,
      transitionOf(sent.move).to,
      'error',
      ...besides(sent.move),
    ];
    assert.ok(ends.includes(after.vmState), `${sent.move} led from ${before.vmState} to ${after.vmState}`);
    assert.equal(after.taskState, null, `${sent.move} left ${after.taskState}`);
  }

  async checkInvariants(): Promise<void> {
    const { servers } = this;
    const { world } = servers;
    assert.deepEqual(await world.leftovers(), []);
    for (const owner of ['member', 'other'] as const) await this.checkProject(owner);
    await checkHypervisors(servers);
  }

  async checkProject(owner: Owner): Promise<void> {
    const { servers } = this;
    const project = projectOf(owner);
    const list = await servers.request('GET', '/servers/detail?limit=1000', { as: owner, version: '2.1' });
    assert.equal(list.status, 200);
    const shown = new Set((list.body.servers as { id: string; tenant_id: string }[]).map((one) => one.id));
    for (const one of list.body.servers)
      assert.equal(one.tenant_id, project, 'a server of another project in the list');
    const rows = (await Promise.all(this.known.map(({ id }) => this.row(id)))).filter((row) => !row.deleted);
    const own = rows.filter((row) => row.projectId === project);
    assert.deepEqual([...shown].sort(), own.map(({ uuid }) => uuid).sort());
    for (const { uuid } of own.slice(0, 3)) {
      const stranger = await servers.request('GET', `/servers/${uuid}`, { as: strangerOf(owner) });
      assert.equal(stranger.status, 404);
    }
    await checkQuota(servers, project, own);
  }

  async close(): Promise<void> {
    await this.servers.close();
  }
}

/** Where a move may end beside its own end: as soon as it is done another follows by itself. */
const besides = (move: string): readonly VmState[] => {
  // switched off first, and left so when its disk could not be copied
  if (move === 'shelve') return ['shelved_offloaded', 'stopped'];
  // a server that was off stays or becomes so
  if (['revertResize', 'confirmResize', 'rebuild', 'unshelve', 'resize'].includes(move)) return ['stopped', 'active'];
  return [];
};

async function start(): Promise<Run> {
  const servers = await startServers({
    hosts: HOSTS.map((name) => ({ name, inventory: { vcpus: 8, memoryMb: 16_384, diskGb: 100 } })),
  });
  await servers.world.flavor({
    id: 'large',
    vcpus: 8,
    memoryMb: 8192,
    specs: { minimum_cpu: '2', minimum_memory: '1024' },
  });
  return new Run(servers);
}

describe('random calls', () => {
  it('one after another: every server goes where its moves lead', { timeout: 600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: STEPS, maxLength: STEPS }), async (commands) => {
        const run = await start();
        try {
          for (const one of commands) await run.stepAtRest(one);
          await run.checkInvariants();
        } finally {
          await run.close();
        }
      }),
      { numRuns: SEQUENCES, endOnFailure: true },
    );
  });

  it('all at once: every sum is right when they are over', { timeout: 600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: STEPS, maxLength: STEPS }), async (commands) => {
        const run = await start();
        try {
          for (let at = 0; at < commands.length; at += 6) {
            await Promise.all(commands.slice(at, at + 6).map((one) => run.send(one)));
          }
          await run.servers.world.settled();
          await run.checkInvariants();
          for (const { id } of run.known) assert.equal((await run.row(id)).taskState, null);
        } finally {
          await run.close();
        }
      }),
      { numRuns: SEQUENCES, endOnFailure: true },
    );
  });
});
