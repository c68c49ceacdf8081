// Why: `xloud costs`, `xloud prices` and `xloud plans`: what things cost and what somebody has to pay, in columns.

import { badRequest, Fault } from '../base/errors.ts';
import { table } from '../base/table.ts';
import type { Session } from '../client/session.ts';

interface Costs {
  readonly start: string;
  readonly end: string;
  readonly currency: string;
  readonly costs: readonly Readonly<Record<string, string | number>>[];
}

/** What of a bill is asked for; `project` undefined: of all, for administrators. */
export interface CostQuery {
  readonly project?: string;
  readonly groupBy: string;
  readonly start?: string;
  readonly end?: string;
}

const PAGE = 1_000;

/** All lines of a bill, in as many requests as it has pages. */
async function wholeBill(session: Session, { project, groupBy, start, end }: CostQuery): Promise<Costs> {
  const path = project === undefined ? '/os-xloud-costs' : `/os-xloud-costs/${encodeURIComponent(project)}`;
  const lines: Costs['costs'][number][] = [];
  for (;;) {
    const query = new URLSearchParams({ group_by: groupBy, limit: String(PAGE), offset: String(lines.length) });
    if (start !== undefined) query.set('start', start);
    if (end !== undefined) query.set('end', end);
    const page = (await session.compute('GET', `${path}?${query.toString()}`)) as Costs;
    lines.push(...page.costs);
    if (page.costs.length < PAGE) return { ...page, costs: lines };
  }
}

export async function showCosts(session: Session, query: CostQuery): Promise<string> {
  const { start, end, currency, costs } = await wholeBill(session, query);
  const head = `from ${start} to ${end}, in ${currency}`;
  const [first] = costs;
  if (first === undefined) return `${head}: nothing was recorded`;
  const columns = Object.keys(first);
  const texts = columns.flatMap((column, at) => (typeof first[column] === 'string' && column !== 'cost' ? [at] : []));
  const rows = costs.map((line) => columns.map((column) => line[column] ?? ''));
  return `${head}\n\n${table([columns.map((column) => column.replaceAll('_', ' ')), ...rows], texts)}`;
}

interface Prices {
  readonly currency: string;
  readonly prices: Readonly<Record<string, string>>;
}

const pricesText = ({ currency, prices }: Prices): string =>
  table([['an hour of', currency], ...Object.entries(prices).map(([kind, price]) => [kind, price] as const)]);

export const showPrices = async (session: Session): Promise<string> =>
  pricesText((await session.compute('GET', '/os-xloud-prices')) as Prices);

/** @param words `volume=0.0001` and the like */
export async function changePrices(session: Session, words: readonly string[]): Promise<string> {
  const prices = words.map((word) => {
    const at = word.indexOf('=');
    if (at < 1) throw badRequest(`'${word}' is not KIND=PRICE`);
    return [word.slice(0, at), word.slice(at + 1)];
  });
  const body = { prices: Object.fromEntries(prices) };
  return pricesText((await session.compute('PUT', '/os-xloud-prices', body)) as Prices);
}

interface Plan {
  readonly id: string;
  readonly name: string;
  readonly vcpus: number;
  readonly memory_mb: number;
  readonly disk_gb: number;
  readonly floor: { readonly vcpus: number; readonly memory_mb: number };
  readonly price_per_hour: string;
  readonly above_floor: { readonly vcpu_per_hour: string; readonly memory_gb_per_hour: string };
}

export async function listPlans(session: Session): Promise<string> {
  const { currency, plans } = (await session.compute('GET', '/os-xloud-plans')) as {
    readonly currency: string;
    readonly plans: readonly Plan[];
  };
  if (plans.length === 0) return 'no flavor has a price; `xloud plans create-defaults` makes some';
  const range = (from: number, to: number): string => (from === to ? String(to) : `${from} to ${to}`);
  const rows = plans.map(({ name, vcpus, memory_mb, disk_gb, floor, price_per_hour: hour, above_floor: above }) => [
    ...[name, range(floor.vcpus, vcpus), range(floor.memory_mb, memory_mb), disk_gb, hour],
    ...[above.vcpu_per_hour, above.memory_gb_per_hour],
  ]);
  const head = ['plan', 'vCPUs', 'MiB', 'GB', `${currency} per hour`, 'each vCPU more', 'each GiB more'];
  return table([head, ...rows]);
}

interface DefaultPlan {
  readonly name: string;
  readonly vcpus: number;
  readonly ram: number;
  readonly disk: number;
  readonly specs: Readonly<Record<string, string>>;
}

const plan = (name: string, vcpus: number, gib: number, disk: number, hour: string): DefaultPlan => ({
  ...{ name, vcpus, ram: gib * 1_024, disk },
  specs: { 'price:hour': hour },
});

/** The floor at a lower price, and what is held above it by the hour; held whole, it costs a little more than a fixed one. */
const elastic = (fixed: DefaultPlan, hour: string, vcpuHour: string, gbHour: string): DefaultPlan => ({
  ...fixed,
  name: `elastic-${fixed.name}`,
  specs: {
    ...{ minimum_cpu: '1', minimum_memory: '1024' },
    ...{ 'price:hour': hour, 'price:vcpu_hour': vcpuHour, 'price:memory_gb_hour': gbHour },
  },
});

const medium = plan('medium', 4, 4, 80, '0.0200');
const large = plan('large', 8, 8, 160, '0.0400');

const DEFAULTS: readonly DefaultPlan[] = [
  plan('micro', 1, 1, 20, '0.0050'),
  plan('small', 2, 2, 40, '0.0100'),
  medium,
  large,
  elastic(medium, '0.0080', '0.0030', '0.0015'),
  elastic(large, '0.0120', '0.0030', '0.0015'),
];

/** Makes a flavor, or says that its name is taken. */
async function createPlan(session: Session, { name, vcpus, ram, disk, specs }: DefaultPlan): Promise<string> {
  try {
    await session.compute('POST', '/flavors', { flavor: { name, id: name, vcpus, ram, disk } });
  } catch (error) {
    if (error instanceof Fault && /HTTP 409/.test(error.message))
      return `${name}: there is a flavor of this name, which stays as it is`;
    throw error;
  }
  await session.compute('POST', `/flavors/${name}/os-extra_specs`, { extra_specs: specs });
  return `${name}: created`;
}

/** Makes the plans that most begin with; repeated it changes nothing. */
export async function createDefaultPlans(session: Session): Promise<string> {
  const lines: string[] = [];
  for (const one of DEFAULTS) lines.push(await createPlan(session, one));
  return `${lines.join('\n')}\n\n${await listPlans(session)}`;
}
