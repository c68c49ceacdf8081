// Why: what a day looks like is seen at once in a picture and in no table. Writes docs/elastic-sim/*.svg, which docs/elastic.md shows.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Axis, axisTo, type Chart, type Line, svgOf } from '../lib/chart.ts';
import { hourOf } from './day.ts';
import type { Replay, Series } from './replay.ts';
import type { Way } from './ways.ts';

const MIB_PER_TIB = 1_024 * 1_024;

const colors: Readonly<Record<Way['name'], string>> = {
  elastic: '#1f8fe0',
  elasticUnweighed: '#9a6ee0',
  nova: '#2e9e5b',
  novaPacked: '#a08a1c',
  unclaimed: '#e0662f',
};
const PLAIN = '#7d8590';

const hours: Axis = {
  ...{ label: 'hour of the day', from: 0, to: 24, step: 3 },
  format: (hour) => `${String(hour).padStart(2, '0')}:00`,
};

const overDay = (values: readonly number[]): [number, number][] => values.map((value, tick) => [hourOf(tick), value]);
const most = (lines: readonly Line[]): number => Math.max(...lines.flatMap(({ points }) => points.map(([, y]) => y)));

type Ways = Readonly<Record<Way['name'], Replay>>;

const lineOf = ({ way, series }: Replay, key: keyof Series, label = way.title): Line => ({
  label,
  points: overDay(series[key]),
  color: colors[way.name],
});

const inTib = (line: Line): Line => ({
  ...line,
  points: line.points.map(([x, y]) => [x, y / MIB_PER_TIB]),
});

function memory({ elastic, nova, unclaimed }: Ways): Chart {
  const capacity = elastic.series.held.map(() => elastic.capacityMb);
  const lines = [
    { label: 'all hosts', points: overDay(capacity), color: PLAIN, dashed: true },
    lineOf(nova, 'claimed', 'plain Nova: claimed'),
    lineOf(elastic, 'claimed', 'ours: claimed'),
    lineOf(unclaimed, 'claimed', 'growth never claimed: claimed'),
    { label: 'needed inside', points: overDay(elastic.series.needed), color: PLAIN },
  ].map(inTib);
  return { title: `Memory of ${elastic.hosts} hosts`, x: hours, y: axisTo(most(lines), 'memory in TiB'), lines };
}

function over({ elastic, nova, unclaimed }: Ways): Chart {
  const lines = [unclaimed, nova, elastic].map((replay) => lineOf(replay, 'over'));
  return {
    title: `Hosts on which guests have more than there is, of ${elastic.hosts}`,
    ...{ x: hours, y: axisTo(most(lines), 'hosts beyond their ratio'), lines },
  };
}

function waiting({ elastic, elasticUnweighed }: Ways): Chart {
  const lines = [elasticUnweighed, elastic].map((replay) => lineOf(replay, 'waiting'));
  return {
    title: `Servers that were refused growth and still want it, on ${elastic.hosts} hosts`,
    ...{ x: hours, y: axisTo(most(lines), 'servers'), lines },
  };
}

/** What goes wrong in each way, as a share of what might, over the number of hosts. */
function bySize(sweep: readonly Replay[]): Chart {
  const line = (name: Way['name'], label: string, share: (replay: Replay) => number): Line => ({
    ...{ label, color: colors[name], marked: true },
    points: sweep.filter(({ way }) => way.name === name).map((replay) => [replay.hosts, 100 * share(replay)]),
  });
  const lines = [
    line('nova', 'plain Nova: creates refused', (one) => one.refusedCreates / one.creates),
    line('novaPacked', 'packing: the same', (one) => one.refusedCreates / one.creates),
    line('unclaimed', 'unclaimed: host-hours over', (one) => one.overHostHours / one.hosts / 24),
    line('elastic', 'ours: growths refused', (one) => one.refusedGrowths / one.growths),
  ];
  const sizes = sweep.map(({ hosts }) => hosts);
  const x = { label: 'hosts', from: Math.min(...sizes), to: Math.max(...sizes), step: 20 };
  return {
    title: 'What goes wrong on how many hosts',
    x,
    y: axisTo(most(lines), '% of creates, host-hours, growths'),
    lines,
  };
}

/** Draws the day on one cloud, and what changes with its size. Returns the files. */
export function plot(dir: string, day: Ways, sweep: readonly Replay[]): string[] {
  mkdirSync(dir, { recursive: true });
  const charts = { memory: memory(day), over: over(day), waiting: waiting(day), hosts: bySize(sweep) };
  return Object.entries(charts).map(([name, chart]) => {
    const file = join(dir, `${name}.svg`);
    writeFileSync(file, svgOf(chart));
    return file;
  });
}
