// Why: how much of what it may have a project has, and what that cost this month.

import { ask, get } from '../lib/api.ts';
import { type Bill, type DayBar, dayBars, dearest, readBill, total } from '../lib/bills.ts';
import { disk, memory, money, whole } from '../lib/format.ts';
import { useLoaded } from '../lib/load.ts';
import { attempt } from '../lib/notices.ts';
import { hrefOf } from '../lib/route.ts';
import { servers } from '../lib/servers.ts';
import { projectId, session } from '../lib/session.ts';
import { type Key, t, tryKey } from '../lib/words.ts';
import { Bar } from '../parts/bars.tsx';

interface Quota {
  readonly words: Key;
  readonly used: number;
  /** -1: as much as it likes. */
  readonly most: number;
  readonly write: (amount: number) => string;
}

type Absolute = Readonly<Record<string, number>>;

const quota = (words: Key, from: Absolute, used: string, most: string, write = whole): Quota[] =>
  from[used] === undefined || from[most] === undefined ? [] : [{ words, used: from[used], most: from[most], write }];

async function readQuotas(project: string): Promise<readonly Quota[]> {
  const limits = (service: 'compute' | 'volume') =>
    get<{ limits: { absolute: Absolute } }>(service, '/limits').then(({ limits: { absolute } }) => absolute);
  type NetworkQuota = { quota: Readonly<Record<string, { limit: number; used: number }>> };
  const [compute, volume, network] = await Promise.all([
    limits('compute'),
    limits('volume').catch((): Absolute => ({})),
    get<NetworkQuota>('network', `/quotas/${project}/details`).catch((): NetworkQuota => ({ quota: {} })),
  ]);
  const ofNetwork = (words: Key, name: string): Quota[] => {
    const found = network.quota[name];
    return found === undefined ? [] : [{ words, used: found.used, most: found.limit, write: whole }];
  };
  return [
    ...quota('quota.servers', compute, 'totalInstancesUsed', 'maxTotalInstances'),
    ...quota('size.vcpu', compute, 'totalCoresUsed', 'maxTotalCores'),
    ...quota('size.ram', compute, 'totalRAMUsed', 'maxTotalRAMSize', memory),
    ...quota('quota.volumes', volume, 'totalVolumesUsed', 'maxTotalVolumes'),
    ...quota('quota.gigabytes', volume, 'totalGigabytesUsed', 'maxTotalVolumeGigabytes', disk),
    ...ofNetwork('quota.networks', 'network'),
    ...ofNetwork('quota.ports', 'port'),
    ...ofNetwork('quota.floating', 'floatingip'),
  ];
}

function Quotas({ project }: { project: string }) {
  const { value, error } = useLoaded(() => readQuotas(project), [project, servers.value], 30_000);
  return (
    <section class="card" aria-labelledby="quota-title">
      <h2 id="quota-title">{t('quota.title')}</h2>
      {error !== null && <p class="plan bad">{error}</p>}
      <div class="bars">
        {(value ?? []).map(({ words, used, most, write }) => (
          <Bar
            key={words}
            label={t(words)}
            share={most <= 0 ? 0 : used / most}
            text={
              most < 0
                ? t('quota.unbounded', { used: write(used) })
                : t('quota.of', { used: write(used), most: write(most) })
            }
          />
        ))}
      </div>
    </section>
  );
}

const kindWord = (kind: string): string => tryKey(`kind.${kind}`) ?? kind.replaceAll('_', ' ');

export const KINDS = ['server', 'volume', 'snapshot', 'image', 'floating_ip'] as const;

const Days = ({ bars, currency }: { bars: readonly DayBar[]; currency: string }) => {
  const most = Math.max(...bars.map(({ cost }) => cost), 0) || 1;
  return (
    <ol class="days" aria-label={t('costs.days')}>
      {bars.map(({ day, parts, cost }) => (
        <li key={day} class="day">
          <span class="sr">{`${day.slice(0, 10)} ${money(cost, currency)}`}</span>
          <span class="day-bar" title={`${day.slice(0, 10)}: ${money(cost, currency)}`} aria-hidden="true">
            {parts.map((part) => (
              <i key={part.kind} class={`kind-${part.kind}`} style={{ height: `${(part.cost / most) * 100}%` }} />
            ))}
          </span>
          <small class="muted" aria-hidden="true">
            {day.slice(8, 10)}
          </small>
        </li>
      ))}
    </ol>
  );
};

const BY_RESOURCE = 20;

function Things({ bill }: { bill: Bill }) {
  const lines = dearest(bill.costs, BY_RESOURCE);
  return (
    <table class="plain">
      <thead>
        <tr>
          <th scope="col">{t('costs.what')}</th>
          <th scope="col">{t('costs.kind')}</th>
          <th scope="col" class="number">
            {t('costs.hours')}
          </th>
          <th scope="col" class="number">
            {t('costs.cost')}
          </th>
        </tr>
      </thead>
      <tbody>
        {lines.map(({ resource = '', kind = '', hours, cost }) => {
          const server = servers.value.get(resource);
          return (
            <tr key={`${kind}${resource}`}>
              <td>
                {server === undefined ? (
                  <span class="mono">{resource}</span>
                ) : (
                  <a href={hrefOf('servers', resource)}>{server.name}</a>
                )}
              </td>
              <td>{kindWord(kind)}</td>
              <td class="number">{whole(hours)}</td>
              <td class="number">{money(cost, bill.currency)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** The sheet is made by the service; the browser only keeps it. */
async function saveSheet(project: string): Promise<void> {
  const { body } = await ask<string>(
    'compute',
    'GET',
    `/os-xloud-costs/${project}?group_by=resource,kind,day&format=csv`,
    {
      raw: true,
    },
  );
  const url = URL.createObjectURL(new Blob([body], { type: 'text/csv' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = 'costs.csv';
  link.click();
  URL.revokeObjectURL(url);
}

function Costs({ project }: { project: string }) {
  const { value, error } = useLoaded(
    async () => ({
      days: await readBill(project, 'day,kind'),
      things: await readBill(project, 'resource,kind'),
    }),
    [project],
    300_000,
  );
  const currency = value?.days.currency ?? 'USD';
  return (
    <section class="card" aria-labelledby="costs-title">
      <header class="card-head">
        <h2 id="costs-title">{t('costs.title')}</h2>
        <button type="button" onClick={() => void attempt(null, () => saveSheet(project))}>
          {t('costs.csv')}
        </button>
      </header>
      {error !== null && <p class="plan bad">{error}</p>}
      {value !== null && (
        <>
          <p class="big">
            <b>{money(total(value.days.costs), currency)}</b> <span class="muted">{t('costs.month')}</span>
          </p>
          {value.days.costs.length === 0 ? (
            <p class="none">{t('costs.none')}</p>
          ) : (
            <>
              <Days bars={dayBars(value.days.costs)} currency={currency} />
              <Things bill={value.things} />
            </>
          )}
        </>
      )}
    </section>
  );
}

export function Project() {
  const id = projectId.value;
  if (id === null) return null;
  return (
    <>
      <header class="head">
        <h1>{t('project.title', { name: session.value?.project.name ?? '' })}</h1>
      </header>
      <div class="stack">
        <Quotas project={id} />
        <Costs project={id} />
      </div>
    </>
  );
}
