// Why: what it is worth that servers adjust themselves, and whether our way is better than what people have: fixed sizes, a schedule, plain
// thresholds, and Neon's autoscaler as it is described. A day of servers with changing load on hosts that cannot give all of them all.
//
// usage: node bench/autoscale-sim.ts [--json] [--seed N] [--plot]

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { table } from '../src/base/table.ts';
import type { Size } from '../src/domain/adjustment/size.ts';
import { DAY_LOOKS, type Demand, demandsOf, hourOf, LOOK_SECONDS, MOST } from './autoscale-sim/demand.ts';
import { type Way, ways } from './autoscale-sim/ways.ts';
import { axisTo, type Line, svgOf } from './lib/chart.ts';
import { conclude, type Figure, round, say } from './lib/figures.ts';

const SERVERS = 400;
/** Servers of one host, and what it has for them: seven tenths of what they could have together. */
const ON_A_HOST = 10;
const ROOM: Size = { vcpus: ON_A_HOST * MOST.vcpus * 0.7, memoryMb: ON_A_HOST * MOST.memoryMb * 0.7 };
/** Of its memory a guest needs some for itself; beyond that it swaps. */
const FULL = 0.95;
const HOUR_LOOKS = 3_600 / LOOK_SECONDS;

interface Day {
  /** Hours of servers in which they wanted more processors, or more memory, than they had. */
  cpuHours: number;
  memoryHours: number;
  vcpuHours: number;
  gibHours: number;
  changes: number;
  /** Growths for which the host had no room, of all. */
  refused: number;
  growths: number;
}

interface Server {
  readonly demand: Demand;
  readonly turn: ReturnType<Way['make']>;
  size: Size;
  readonly sizes: number[];
}

const add = (a: Size, b: Size, sign: 1 | -1): Size => ({
  vcpus: a.vcpus + sign * b.vcpus,
  memoryMb: a.memoryMb + sign * b.memoryMb,
});

/** A day of one host. A fixed size is let in whatever the host has: who sells those, sells more hosts. */
function hostDay(way: Way, servers: readonly Server[], day: Day): void {
  const adjusts = way.name !== 'largest' && way.name !== 'half';
  let claimed = servers.reduce((sum, { size }) => add(sum, size, 1), { vcpus: 0, memoryMb: 0 });
  for (let at = 0; at < DAY_LOOKS; at += 1) {
    for (const server of servers) {
      const [cpu, memory] = [server.demand.cpu[at] as number, server.demand.memoryMb[at] as number];
      const { size } = server;
      if (cpu > size.vcpus) day.cpuHours += 1 / HOUR_LOOKS;
      if (memory > size.memoryMb * FULL) day.memoryHours += 1 / HOUR_LOOKS;
      day.vcpuHours += size.vcpus / HOUR_LOOKS;
      day.gibHours += size.memoryMb / 1_024 / HOUR_LOOKS;
      server.sizes.push(size.vcpus);
      const usedMb = Math.min(memory, size.memoryMb * FULL);
      const want = server.turn({ at, size, cpu: Math.min(cpu, size.vcpus), usedMb });
      if (want.vcpus === size.vcpus && want.memoryMb === size.memoryMb) continue;
      const then = add(add(claimed, size, -1), want, 1);
      const grows = want.vcpus > size.vcpus || want.memoryMb > size.memoryMb;
      if (grows) day.growths += 1;
      if (adjusts && grows && (then.vcpus > ROOM.vcpus || then.memoryMb > ROOM.memoryMb)) {
        day.refused += 1;
        continue;
      }
      claimed = then;
      server.size = want;
      day.changes += 1;
    }
  }
}

function dayOf(way: Way, demands: readonly Demand[]): { readonly day: Day; readonly servers: readonly Server[] } {
  const day: Day = { cpuHours: 0, memoryHours: 0, vcpuHours: 0, gibHours: 0, changes: 0, refused: 0, growths: 0 };
  const servers = demands.map((demand) => ({ demand, turn: way.make(), size: way.first, sizes: [] as number[] }));
  for (let n = 0; n < servers.length; n += ON_A_HOST) hostDay(way, servers.slice(n, n + ON_A_HOST), day);
  return { day, servers };
}

const { values } = parseArgs({
  strict: false,
  options: { plot: { type: 'boolean' }, seed: { type: 'string', default: '1' } },
});
const demands = demandsOf(SERVERS, Number(values.seed));
const days = new Map(ways.map((way) => [way.name, dayOf(way, demands)]));
const of = (name: Way['name']): Day => (days.get(name) as { day: Day }).day;

say(
  `${SERVERS} servers of up to ${MOST.vcpus} vCPUs and ${MOST.memoryMb / 1_024} GiB for a day, a look every ${LOOK_SECONDS} s\n`,
);
const rows: readonly (readonly [string, (day: Day) => string | number])[] = [
  ['hours short of processors, each server', ({ cpuHours }) => round(cpuHours / SERVERS)],
  ['hours short of memory', ({ memoryHours }) => round(memoryHours / SERVERS)],
  ['vCPU-hours paid', ({ vcpuHours }) => round(vcpuHours / SERVERS)],
  ['GiB-hours paid', ({ gibHours }) => round(gibHours / SERVERS)],
  ['changes of its size', ({ changes }) => round(changes / SERVERS)],
  ['growths refused, %', ({ refused, growths }) => (growths === 0 ? 0 : round((100 * refused) / growths))],
];
say(
  table([
    ['', ...ways.map(({ title }) => title)],
    ...rows.map(([title, show]) => [title, ...ways.map(({ name }) => show(of(name)))]),
  ]),
);

if (values.plot === true) {
  const dir = join(import.meta.dirname, '..', 'docs', 'autoscale-sim');
  mkdirSync(dir, { recursive: true });
  const chosen = demands.findIndex(({ cpu }) => Math.max(...cpu) > 6 && Math.min(...cpu) < 0.5);
  const points = (of_: ArrayLike<number>): [number, number][] => Array.from(of_, (y, at) => [hourOf(at), y]);
  const lines: Line[] = [
    { label: 'needed', points: points(demands[chosen]?.cpu ?? []), color: '#7d8590' },
    ...ways
      .filter(({ name }) => name === 'ours' || name === 'schedule')
      .map(({ name, title, color }) => ({
        label: title,
        points: points(days.get(name)?.servers[chosen]?.sizes ?? []),
        color,
      })),
  ];
  const x = { label: 'hour of the day', from: 0, to: 24, step: 3 };
  const file = join(dir, 'server.svg');
  writeFileSync(file, svgOf({ title: 'vCPUs of one server over a day', x, y: axisTo(MOST.vcpus, 'vCPUs'), lines }));
  say(`\nwritten: ${file}`);
}

const short = ({ cpuHours, memoryHours }: Day): number => cpuHours + memoryHours;
const paid = ({ vcpuHours }: Day): number => vcpuHours;
const figures: Figure[] = [
  {
    name: 'vCPU-hours beside the flavor all day',
    value: paid(of('ours')) / paid(of('largest')),
    unit: 'x',
    atMost: 0.6,
  },
  { name: 'hours short beside a schedule', value: short(of('ours')) / short(of('schedule')), unit: 'x', atMost: 1 },
  { name: 'vCPU-hours beside a schedule', value: paid(of('ours')) / paid(of('schedule')), unit: 'x', atMost: 1 },
  { name: "hours short beside Neon's way", value: short(of('ours')) / short(of('neon')), unit: 'x' },
  { name: "vCPU-hours beside Neon's way", value: paid(of('ours')) / paid(of('neon')), unit: 'x' },
  { name: "changes beside Neon's way", value: of('ours').changes / of('neon').changes, unit: 'x' },
];
conclude('autoscale-sim', figures, {
  seed: values.seed,
  days: Object.fromEntries(ways.map(({ name }) => [name, of(name)])),
});
