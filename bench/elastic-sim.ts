// Why: what growing in place is worth to a cloud, and what it costs, before anybody buys hosts for it. A day of 10,000 servers with
// changing load, replayed on 200 hosts in five ways: as we place and claim, the same without the headroom weigher, as plain Nova
// (every server has its flavor) that spreads or packs, and with growth that nobody claims. Then on more and fewer hosts.
// docs/elastic.md shows it.
//
// usage: node bench/elastic-sim.ts [--json] [--seed N] [--plot]

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { table } from '../src/base/table.ts';
import { visitorsOf } from './elastic-sim/day.ts';
import { plot } from './elastic-sim/plots.ts';
import { type Replay, replay } from './elastic-sim/replay.ts';
import { type Way, ways } from './elastic-sim/ways.ts';
import { conclude, type Figure, round, say } from './lib/figures.ts';

const SERVERS = 10_000;
const HOSTS = 200;
const SIZES = [180, 200, 210, 220, 240, 260, 280];

// words of the other benches pass: tools/bench.sh gives all of them the same ones
const { values } = parseArgs({
  strict: false,
  options: { plot: { type: 'boolean' }, seed: { type: 'string', default: '1' } },
});
const seed = Number(values.seed);
if (!Number.isSafeInteger(seed)) throw new Error(`--seed ${values.seed}: not a whole number`);

const visitors = visitorsOf(SERVERS, seed);
// what the weigher brings is asked on one size only: the other ways differ in more
const compared = ways.filter(({ name }) => name !== 'elasticUnweighed');
const runs = ways.flatMap((way) =>
  (compared.includes(way) ? SIZES : [HOSTS]).map((hosts) => replay(way, visitors, hosts)),
);

const on = (name: Way['name'], hosts = HOSTS): Replay =>
  runs.find((run) => run.way.name === name && run.hosts === hosts) as Replay;
const troubles = (run: Replay): number => run.refusedCreates + run.refusedGrowths + run.overHostHours;
/** The fewest hosts of those tried on which all went well; null: all were too few. */
const hostsNeeded = (name: Way['name']): number | null =>
  SIZES.find((hosts) => troubles(on(name, hosts)) === 0) ?? null;

const day = Object.fromEntries(ways.map(({ name }) => [name, on(name)])) as Record<Way['name'], Replay>;
const peak = ({ series, capacityMb }: Replay, key: 'held' | 'claimed'): number => Math.max(...series[key]) / capacityMb;

say(`${SERVERS} servers in a day, seed ${seed}, on ${HOSTS} hosts\n`);
say(
  table([
    ['', ...ways.map(({ title }) => title)],
    ...(
      [
        ['creates refused', (run) => `${run.refusedCreates} of ${run.creates}`],
        ['growths refused', (run) => `${run.refusedGrowths} of ${run.growths}`],
        ['  another host had room', (run) => run.migrationsToGrow],
        ['  hours that servers waited', (run) => round(run.waitingServerHours)],
        ['host-hours beyond the ratio', (run) => round(run.overHostHours)],
        ['  migrations to end that', (run) => run.migrationsToRelieve],
        ['fullest host, %', (run) => round(run.worstHost * 100)],
        ['memory claimed at the peak, %', (run) => round(peak(run, 'claimed') * 100)],
        ['memory that guests had then, %', (run) => round(peak(run, 'held') * 100)],
      ] as [string, (run: Replay) => string | number][]
    ).map(([title, of]) => [title, ...ways.map(({ name }) => of(day[name]))]),
  ]),
);
say();
say(
  table([
    [
      'hosts',
      'ours: growths refused',
      'plain Nova: creates refused',
      'packing: the same',
      'unclaimed: host-hours beyond',
    ],
    ...SIZES.map((hosts) => [
      hosts,
      on('elastic', hosts).refusedGrowths,
      on('nova', hosts).refusedCreates,
      on('novaPacked', hosts).refusedCreates,
      round(on('unclaimed', hosts).overHostHours),
    ]),
  ]),
);

if (values.plot === true) {
  const dir = join(import.meta.dirname, '..', 'docs', 'elastic-sim');
  for (const file of plot(dir, day, runs)) say(`written: ${file}`);
}

const { elastic, elasticUnweighed } = day;
const sizeOf = (name: Way['name']): number => hostsNeeded(name) ?? Number.NaN;
const novaSize = Math.min(sizeOf('nova'), sizeOf('novaPacked'));
const figures: Figure[] = [
  { name: 'host-hours beyond the ratio, ours', value: elastic.overHostHours, unit: 'h', atMost: 0 },
  {
    name: 'creates refused, ours',
    value: elastic.refusedCreates,
    unit: '',
    atMost: 0,
    note: `plain Nova: ${day.nova.refusedCreates}`,
  },
  {
    name: 'growths refused, of all',
    value: (100 * elastic.refusedGrowths) / elastic.growths,
    unit: '%',
    note: `${elastic.refusedGrowths} of ${elastic.growths}`,
  },
  {
    name: 'growths refused, beside without the headroom weigher',
    value: elastic.refusedGrowths / elasticUnweighed.refusedGrowths,
    unit: 'x',
    atMost: 1,
    note: `${elastic.refusedGrowths} and ${elasticUnweighed.refusedGrowths}`,
  },
  {
    name: 'hosts needed, beside plain Nova that packs or spreads',
    value: sizeOf('elastic') / novaSize,
    unit: 'x',
    atMost: 1,
    note: `${sizeOf('elastic')} and ${novaSize}, of the sizes tried`,
  },
];
conclude('elastic-sim', figures, {
  ...{ seed, servers: SERVERS, hostsNeeded: Object.fromEntries(compared.map(({ name }) => [name, hostsNeeded(name)])) },
  runs: runs.map(({ way, series: _series, ...run }) => ({ way: way.name, ...run })),
});
