// One guest that rewrites its memory all the time goes from host to host as it runs, again and again: it is never lost, never twice, never
// anew, and how long it stood still each time is told as a histogram. How often: XLOUD_MOVES (`make moves COUNT=50`).

import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { runInside } from '../support/inside.ts';
import type { LibvirtHost } from '../support/libvirt-host.ts';
import { moveLive } from '../support/move-contract.ts';
import { moving, startTwoHosts, type TwoHosts } from '../support/two-hosts.ts';
import { power } from '../../src/domain/servers/servers.ts';
import type { Driver } from '../../src/virt/driver.ts';

const COUNT = Number(process.env.XLOUD_MOVES ?? 10);
const DOWNTIME_MS = 500;
const EACH_MS = 120_000;
const INSIDE_MS = 60_000;
/** Upper ends of the bars, in milliseconds. */
const BARS = [25, 50, 100, 200, 300, 400, DOWNTIME_MS, 750, 1_000, Number.POSITIVE_INFINITY];
/** 16 MiB of noise, written anew without end. */
const LOAD =
  '(while :; do dd if=/dev/urandom of=/run/noise bs=1M count=16 conv=notrunc; done) </dev/null >/dev/null 2>&1 &';

let two: TwoHosts;
let drivers: readonly [Driver, Driver];

before(async () => {
  two = await startTwoHosts();
  const open = (host: LibvirtHost) =>
    host.anotherDriver(moving(two.addressOf(host), { downtimeMs: DOWNTIME_MS, permitAutoConverge: true }));
  drivers = [await open(two.a), await open(two.b)];
});
after(async () => {
  for (const driver of drivers ?? []) await driver.close();
  await two?.close();
});

/** What libvirt measured of the guest's last move, where it came. */
async function downtimeOf(host: LibvirtHost, uuid: string): Promise<number> {
  const words = await host.virsh('domjobinfo', '--completed', '--rawstats', uuid);
  return Number(/^downtime: (\d+)$/m.exec(words)?.[1] ?? /Total downtime: +(\d+)/.exec(words)?.[1] ?? Number.NaN);
}

/** What the guest and its QEMU said last. */
async function lastWords({ consoleOf, libvirtd }: LibvirtHost, uuid: string): Promise<string> {
  const { stdout } = await libvirtd.exec('tail', '-n', '8', `/var/log/libvirt/qemu/xloud-${uuid}.log`);
  return `${(await consoleOf(uuid).text()).slice(-2_000)}\n${stdout}`;
}

function histogram(values: readonly number[]): string {
  let from = 0;
  const lines: string[] = [];
  for (const to of BARS) {
    const count = values.filter((value) => value > from && value <= to).length;
    if (count > 0)
      lines.push(
        `${String(from).padStart(5)} to ${String(to).padStart(8)} ms  ${String(count).padStart(4)}  ${'#'.repeat(count)}`,
      );
    from = to;
  }
  return lines.join('\n');
}

it(`a guest under load survives ${COUNT} moves in a row`, { timeout: COUNT * EACH_MS + EACH_MS }, async () => {
  const spec = two.a.spec();
  const { uuid } = spec;
  const hosts = [two.a, two.b] as const;
  await drivers[0].spawn({ spec });
  await two.a.ready(uuid);
  const words = await two.a.mark(uuid);
  await runInside((command) => two.a.askAgent(uuid, command), LOAD, INSIDE_MS);
  const downtimes: number[] = [];
  const totals: number[] = [];
  for (let move = 0; move < COUNT; move += 1) {
    const [from, to] = move % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const);
    const before_ = (await hosts[from].consoleOf(uuid).last()) ?? assert.fail('it says nothing');
    const beganMs = Date.now();
    const { powerState } = await moveLive(drivers[from], drivers[to], spec);
    if (powerState !== power.running)
      assert.fail(`move ${move} ended in power state ${powerState}: ${await lastWords(hosts[to], uuid)}`);
    totals.push(Date.now() - beganMs);
    await drivers[from].destroy({ uuid });
    assert.equal(await drivers[from].inspect({ uuid }), null);
    assert.deepEqual(await hosts[from].leftovers(uuid), []);
    const after_ = await hosts[to].consoleOf(uuid).until(({ seq }) => seq > before_.seq, EACH_MS);
    assert.ok(after_.upS > before_.upS, 'it runs on');
    downtimes.push(await downtimeOf(hosts[to], uuid));
  }
  const last = hosts[COUNT % 2] as LibvirtHost;
  assert.equal(await last.marked(uuid), words);
  const sorted = downtimes.toSorted((a, b) => a - b);
  const [median, longest] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  console.log(
    `${COUNT} moves, 0 lost; stood still: median ${median} ms, longest ${longest} ms, ${DOWNTIME_MS} ms allowed`,
  );
  console.log(histogram(downtimes));
  console.log(`a whole move: median ${totals.toSorted((a, b) => a - b)[Math.floor(totals.length / 2)]} ms`);
  assert.ok(
    sorted.every((value) => Number.isFinite(value)),
    'libvirt told each time',
  );
});
