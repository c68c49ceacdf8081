// What may end while a server moves as it runs, by the whole product as processes apart: it is given up, a libvirtd or a QEMU of either
// side, an agent or the broker is killed, each before its memory goes, in the middle, and at the switch-over, when all of it is there and
// the guest runs on neither side. Afterwards it runs on one host, not anew, and its row says on which. Told as a table in the end.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../support/serve.ts';
import { type HostName, startTwoHostCluster } from '../support/two-host-service.ts';

const MOVE_MS = 240_000;
const TEST_MS = 600_000;
const MIB = 1024 ** 2;
const BANDWIDTH_MIB = 16;
/** How much has gone in the middle, and shortly before the end: a guest has some 80 MiB. */
const MIDDLE = 20 * MIB;
const LOOK_MS = 100;
/** For how long what was killed is away. */
const AWAY_MS = 3_000;

const MOMENTS = ['before', 'middle', 'switch-over'] as const;
type Moment = (typeof MOMENTS)[number];

interface Row {
  readonly what: string;
  readonly moment: Moment;
  readonly runs: string;
  readonly row: string;
  readonly move: string;
  readonly seconds: number;
}

const otherOf = (host: HostName): HostName => (host === 'host-a' ? 'host-b' : 'host-a');

const rows: Row[] = [];

function table(): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(['what ends', 'when', 'the guest runs', 'the row says', 'the move', 'over after']),
    line(Array(6).fill('---')),
    ...rows.map(({ what, moment, runs, row, move, seconds }) =>
      line([what, moment, runs, row, move, `${seconds.toFixed(0)} s`]),
    ),
  ].join('\n');
}

describe('what ends while a server moves', { concurrency: 1 }, () => {
  let world: Awaited<ReturnType<typeof startTwoHostCluster>>;
  let flavor: string;

  before(async () => {
    world = await startTwoHostCluster({
      config: { compute: { live_migration_bandwidth: BANDWIDTH_MIB, report_seconds: 2, down_seconds: 60 } },
    });
    flavor = await world.flavor('small', { vcpus: 4, ram: 1024, disk: 1 });
  });
  after(async () => {
    console.log(table());
    await world?.close();
  });

  const uptimeOf = async (id: string, host: HostName): Promise<number> =>
    Number((await world.inside(id, host, 'cat /proc/uptime')).split(' ')[0]);

  /** What of its memory has gone, as its libvirtd says; null: none, or nobody says. */
  const goneOf = async (id: string, host: HostName): Promise<number | null> => {
    const words = await world.virsh(host, 'domjobinfo', '--rawstats', id).catch(() => '');
    const found = /^memory_processed: (\d+)$/m.exec(words);
    if (found !== null) return Number(found[1]);
    const [, amount, unit] = /Memory processed: +([\d.]+) (B|KiB|MiB|GiB)/.exec(words) ?? [];
    return amount === undefined ? null : Number(amount) * 1024 ** ['B', 'KiB', 'MiB', 'GiB'].indexOf(unit as string);
  };

  const lastMove = async (id: string) => {
    const { body } = await world.compute('GET', `/os-migrations?instance_uuid=${id}`);
    const found = body.migrations as { id: number; status: string }[];
    return found.toSorted((a, b) => a.id - b.id).at(-1) ?? assert.fail('no migration');
  };

  /** Until the move is at that moment. At the switch-over the libvirtd that shall let the guest run on there is halted. */
  const reach = async (id: string, home: HostName, moment: Moment): Promise<void> => {
    await eventually('the move', MOVE_MS, async () => ((await lastMove(id)).status === 'running' ? true : null));
    if (moment === 'before') return;
    await eventually('its middle', MOVE_MS, async () => ((await goneOf(id, home)) ?? 0) > MIDDLE || null);
    if (moment === 'middle') return;
    await world.libvirtd(otherOf(home)).signal('SIGSTOP');
    let gone = 0;
    await eventually('its end', MOVE_MS, async () => {
      const now = (await goneOf(id, home)) ?? 0;
      if (now === gone) return true;
      gone = now;
      await sleep(5 * LOOK_MS);
      return null;
    });
  };

  /** Ends the halt of a libvirtd; one that was killed is there anew, and was not halted. */
  const goOn = async (host: HostName): Promise<void> => {
    await world
      .libvirtd(host)
      .signal('SIGCONT')
      .catch(() => {});
  };

  const killQemu = (host: HostName, id: string) =>
    eventually('its QEMU', MOVE_MS, () =>
      world
        .libvirtd(host)
        .exec('sh', '-c', 'kill -9 "$(cat "/run/libvirt/qemu/xloud-$0.pid")"', id)
        .then(
          () => true,
          () => null,
        ),
    );

  const agent = (host: HostName) => world.service.cluster.agents.get(host) ?? assert.fail(host);

  /** Ends it; gives what starts it again, where it does not do that by itself. */
  const deeds: Readonly<Record<string, (id: string, home: HostName) => Promise<(() => Promise<void>) | null>>> = {
    async 'given up'(id) {
      const { status, body } = await world.compute('DELETE', `/servers/${id}/migrations/${(await lastMove(id)).id}`);
      assert.equal(status, 202, JSON.stringify(body));
      return null;
    },
    async 'libvirtd at home'(_, home) {
      await world.libvirtd(home).signal('SIGKILL');
      return null;
    },
    async 'libvirtd there'(_, home) {
      await world.libvirtd(otherOf(home)).signal('SIGKILL');
      return null;
    },
    async 'QEMU at home'(id, home) {
      await killQemu(home, id);
      return null;
    },
    async 'QEMU there'(id, home) {
      await killQemu(otherOf(home), id);
      return null;
    },
    async 'agent at home'(_, home) {
      await agent(home).kill('SIGKILL');
      return () => agent(home).start();
    },
    async 'agent there'(_, home) {
      await agent(otherOf(home)).kill('SIGKILL');
      return () => agent(otherOf(home)).start();
    },
    async broker() {
      const { broker } = world.service.cluster;
      await broker.crash();
      return () => broker.start();
    },
  };

  const remove = async (id: string): Promise<void> => {
    await world.compute('DELETE', `/servers/${id}`);
    await eventually(`${id} gone`, MOVE_MS, async () =>
      (await world.compute('GET', `/servers/${id}`)).status === 404 ? true : null,
    );
    for (const host of ['host-a', 'host-b'] as const)
      await eventually(`nothing left on ${host}`, MOVE_MS, async () =>
        (await world.leftovers(id, host)).length === 0 ? true : null,
      );
  };

  /** How the server is once nothing is under way any more. */
  const settled = (id: string) =>
    eventually('its end', MOVE_MS, async () => {
      const { status, body } = await world.compute('GET', `/servers/${id}`).catch(() => ({ status: 0, body: null }));
      if (status !== 200 || body.server['OS-EXT-STS:task_state'] !== null) return null;
      return { status: body.server.status as string, host: body.server['OS-EXT-SRV-ATTR:host'] as HostName };
    });

  /** The server that moves: another one where the last was lost. */
  let id: string | null = null;

  for (const [what, end] of Object.entries(deeds)) {
    for (const moment of MOMENTS) {
      it(`${what}, ${moment}`, { timeout: TEST_MS }, async () => {
        id ??= await world.create(flavor);
        const server = id;
        id = null;
        const home = await world.hostOf(server);
        const words = await world.mark(server, home);
        const uptime = await uptimeOf(server, home);
        await world.act(server, { 'os-migrateLive': { host: null, block_migration: 'auto' } });
        await reach(server, home, moment);
        const beganMs = Date.now();
        let startAgain: (() => Promise<void>) | null = null;
        try {
          startAgain = await end(server, home);
        } finally {
          if (moment === 'switch-over') await goOn(otherOf(home));
        }
        if (startAgain !== null) {
          await sleep(AWAY_MS);
          await startAgain();
        }
        let said = await settled(server);
        const seconds = (Date.now() - beganMs) / 1000;
        const running = await world.running(server);
        const isOff = what === 'QEMU at home' && running.length === 0;
        if (isOff) {
          // that was the guest
          await world.reaches(server, 'SHUTOFF');
          said = await settled(server);
        }
        const name = (host: HostName) => (host === home ? 'at home' : 'there');
        const { status: move } = await lastMove(server);
        rows.push({
          ...{ what, moment, move, seconds, runs: running.map(name).join(' and ') || 'nowhere' },
          row: `${said.status} ${name(said.host)}`,
        });
        if (isOff) return await remove(server);
        assert.deepEqual([said.status, running], ['ACTIVE', [said.host]]);
        await world.up(server, said.host);
        assert.ok((await uptimeOf(server, said.host)) > uptime, 'it started anew');
        assert.equal(await world.marked(server, said.host), words);
        await eventually('nothing left on the other host', MOVE_MS, async () =>
          (await world.leftovers(server, otherOf(said.host))).length === 0 ? true : null,
        );
        id = server;
      });
    }
  }
});
