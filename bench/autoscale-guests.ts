// Why: a simulation shows what policies decide; whether a guest then has what was decided, only guests can show. Three of them, on a real
// hypervisor, work and rest by a timetable that no policy knows. Looked at from outside, every five seconds: what was asked, claimed, and
// confirmed by the guest.
//
// Needs root and a hypervisor's packages.
//
// usage: node bench/autoscale-guests.ts [--json] [--minutes N] [--plots]

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ElasticServer, type GuestService, startElastic, startGuestService } from '../test/support/serve-guest.ts';
import { axisTo, svgOf } from './lib/chart.ts';
import { conclude, type Figure, median, percentile, round, say } from './lib/figures.ts';
import { numberOf } from './lib/flags.ts';

const MINUTES = numberOf('--minutes', 20);
const LOOK_MS = 5_000;
const SIZE = { vcpus: 3, ram: 1_024 };
const PLOTS = join(import.meta.dirname, '..', 'docs', 'autoscale-guests');

/** What a guest does in a part of the time: how many processes do nothing but run, and how much memory (MiB) is in use. */
interface Work {
  readonly busy: number;
  readonly filledMb: number;
}

const work = (busy: number, filledMb: number): Work => ({ busy, filledMb });

/** In equal parts of the time. */
const timetable: Readonly<Record<string, readonly Work[]>> = {
  processors: [work(0, 0), work(2, 0), work(3, 0), work(0, 0), work(1, 0), work(0, 0)],
  memory: [work(0, 0), work(0, 100), work(0, 350), work(0, 500), work(0, 0), work(0, 0)],
  both: [work(0, 0), work(0, 300), work(2, 300), work(2, 0), work(0, 0), work(0, 0)],
};

const policyOf = (name: string, serverId: string) => ({
  policy: {
    name,
    server_id: serverId,
    pressure: { vcpus: { min: 1, max: SIZE.vcpus }, memory_mb: { min: 256, max: SIZE.ram } },
  },
});

/** A script for the guest's shell that makes it so, whatever it did before. */
const scriptFor = ({ busy, filledMb }: Work): string =>
  [
    'for pid in $(cat /busy 2>/dev/null); do kill $pid; done; : >/busy',
    `i=0; while [ $i -lt ${busy} ]; do (while :; do :; done) </dev/null >/dev/null 2>&1 & echo $! >>/busy; i=$((i+1)); done`,
    `rm -f /filled${filledMb > 0 ? `; dd if=/dev/zero of=/filled bs=1M count=${filledMb} 2>/dev/null` : ''}`,
  ].join('\n');

interface Look {
  readonly second: number;
  readonly work: Work;
  readonly vcpus: { readonly asked: number; readonly claimed: number; readonly confirmed: number | null };
  readonly memoryMb: { readonly asked: number; readonly claimed: number; readonly confirmed: number };
}

interface Guest {
  readonly name: string;
  readonly server: ElasticServer;
  readonly policyId: string;
  readonly looks: Look[];
}

interface Decision {
  readonly outcome: string;
  readonly reason: string;
  readonly from: { readonly vcpus: number; readonly memory_mb: number };
  readonly to: { readonly vcpus: number; readonly memory_mb: number };
}

async function startGuest(world: GuestService, name: string): Promise<Guest> {
  const server = await startElastic(world);
  const made = await world.compute('POST', '/os-xloud-adjust-policies', policyOf(name, server.id));
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return { name, server, policyId: made.body.policy.id as string, looks: [] };
}

async function lookAt(guest: Guest, second: number, now: Work): Promise<void> {
  const { vcpus, memory_mb: memory } = await guest.server.look();
  guest.looks.push({
    ...{ second, work: now },
    vcpus: { asked: vcpus.target, claimed: vcpus.claimed, confirmed: vcpus.guest_online },
    memoryMb: { asked: memory.target, claimed: memory.claimed, confirmed: memory.current },
  });
}

/** The guest works by its timetable, and is looked at, until the time is over. */
async function live(guest: Guest, beganAt: number): Promise<void> {
  const parts = timetable[guest.name] as readonly Work[];
  const partMs = (MINUTES * 60_000) / parts.length;
  let part = -1;
  for (;;) {
    const sinceMs = performance.now() - beganAt;
    if (sinceMs >= MINUTES * 60_000) return;
    const due = Math.floor(sinceMs / partMs);
    const now = parts[due] as Work;
    if (due !== part) {
      part = due;
      say(`${Math.round(sinceMs / 1_000)} s: ${guest.name}: ${now.busy} busy, ${now.filledMb} MiB in use`);
      // in the background: a guest that is short of memory is slow to fill it, and is looked at meanwhile
      void guest.server.inside(scriptFor(now)).catch((error: unknown) => say(`${guest.name}: ${String(error)}`));
    }
    await lookAt(guest, sinceMs / 1_000, now);
    await sleep(LOOK_MS);
  }
}

/** Seconds from the request for each adjustment of a server to its end, which is the guest's word. */
async function secondsToConfirm(world: GuestService, id: string): Promise<number[]> {
  const { body } = await world.compute('GET', `/servers/${id}/os-instance-actions?limit=500`);
  const adjusts = (body.instanceActions as { action: string; request_id: string }[]).filter(
    (one) => one.action === 'adjust',
  );
  const seconds: number[] = [];
  for (const { request_id } of adjusts) {
    const { instanceAction } = (await world.compute('GET', `/servers/${id}/os-instance-actions/${request_id}`)).body;
    const { start_time: from, updated_at: to } = instanceAction as { start_time: string; updated_at: string | null };
    if (to !== null) seconds.push((Date.parse(`${to}Z`) - Date.parse(`${from}Z`)) / 1_000);
  }
  return seconds;
}

async function decisionsOf(world: GuestService, guest: Guest): Promise<Decision[]> {
  const { body } = await world.compute('GET', `/os-xloud-adjust-policies/${guest.policyId}/decisions?limit=500`);
  return body.decisions as Decision[];
}

/** Of a guest in `docs`: one chart of vCPUs, one of memory. */
function plot({ name, looks }: Guest): void {
  mkdirSync(PLOTS, { recursive: true });
  const minutes = { ...axisTo(MINUTES, 'minutes'), to: MINUTES };
  const line = (label: string, color: string, of: (look: Look) => number | null, dashed = false) => ({
    ...{ label, color, dashed },
    points: looks.flatMap((look) => {
      const value = of(look);
      return value === null ? [] : [[look.second / 60, value] as const];
    }),
  });
  const charts = {
    vcpus: {
      title: `Guest "${name}": vCPUs`,
      y: axisTo(SIZE.vcpus, 'vCPUs'),
      lines: [
        line('busy processes', '#8250df', (look) => look.work.busy, true),
        line('claimed', '#bf8700', ({ vcpus }) => vcpus.claimed),
        line('asked', '#0969da', ({ vcpus }) => vcpus.asked),
        line('confirmed', '#1a7f37', ({ vcpus }) => vcpus.confirmed),
      ],
    },
    memory: {
      title: `Guest "${name}": memory`,
      y: axisTo(SIZE.ram, 'MiB'),
      lines: [
        line('in use by the test', '#8250df', (look) => look.work.filledMb, true),
        line('claimed', '#bf8700', ({ memoryMb }) => memoryMb.claimed),
        line('asked', '#0969da', ({ memoryMb }) => memoryMb.asked),
        line('confirmed', '#1a7f37', ({ memoryMb }) => memoryMb.confirmed),
      ],
    },
  };
  for (const [what, chart] of Object.entries(charts)) {
    writeFileSync(join(PLOTS, `${name}-${what}.svg`), svgOf({ x: minutes, ...chart }));
  }
}

/** Looks at which a guest had more than was claimed for it: there must be none. */
const unclaimed = (looks: readonly Look[]): number =>
  looks.filter(({ vcpus, memoryMb }) => (vcpus.confirmed ?? 0) > vcpus.claimed || memoryMb.confirmed > memoryMb.claimed)
    .length;

const sizeText = ({ vcpus, memory_mb: memory }: Decision['from']): string => `${vcpus} vCPUs ${memory} MiB`;

async function conclusionOf(world: GuestService, guests: readonly Guest[]): Promise<Figure[]> {
  const waits: number[] = [];
  const counts = { grown: 0, shrunk: 0, refused: 0 };
  for (const guest of guests) {
    const decisions = (await decisionsOf(world, guest)).toReversed();
    say(`\n${guest.name}: ${decisions.length} decisions`);
    for (const { outcome, reason, from, to } of decisions) {
      say(`  ${outcome}: ${sizeText(from)} -> ${sizeText(to)}: ${reason}`);
      if (outcome !== 'done') counts.refused += 1;
      else if (to.vcpus > from.vcpus || to.memory_mb > from.memory_mb) counts.grown += 1;
      else counts.shrunk += 1;
    }
    waits.push(...(await secondsToConfirm(world, guest.server.id)));
    const last = guest.looks.at(-1) as Look;
    say(`  at the end: ${JSON.stringify({ vcpus: last.vcpus, memory_mb: last.memoryMb })}`);
  }
  const looks = guests.flatMap((guest) => guest.looks);
  const sorted = waits.toSorted((a, b) => a - b);
  return [
    { name: 'growths', value: counts.grown, unit: '', atLeast: 3 },
    { name: 'shrinkings', value: counts.shrunk, unit: '', atLeast: 3 },
    { name: 'refused', value: counts.refused, unit: '' },
    { name: 'until the guest confirmed, median', value: median(waits), unit: 's' },
    { name: 'until the guest confirmed, 95th', value: percentile(sorted, 0.95), unit: 's' },
    { name: 'looks', value: looks.length, unit: '' },
    { name: 'looks with more than was claimed', value: unclaimed(looks), unit: '', atMost: 0 },
  ];
}

const world = await startGuestService({ flavor: SIZE });
try {
  const guests: Guest[] = [];
  for (const name of Object.keys(timetable)) guests.push(await startGuest(world, name));
  say(`three guests for ${round(MINUTES)} minutes`);
  const beganAt = performance.now();
  await Promise.all(guests.map((guest) => live(guest, beganAt)));
  if (process.argv.includes('--plots')) guests.forEach(plot);
  const figures = await conclusionOf(world, guests);
  conclude('autoscale-guests', figures, { looks: Object.fromEntries(guests.map(({ name, looks }) => [name, looks])) });
} finally {
  await world.close();
}
