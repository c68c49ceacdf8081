// Why: whoever runs the cloud says what things cost, and sees what every project took and has to pay.

import { useState } from 'preact/hooks';
import { get, put } from '../lib/api.ts';
import { type CostLine, readBill, total } from '../lib/bills.ts';
import { money, whole } from '../lib/format.ts';
import { useLoaded } from '../lib/load.ts';
import { say } from '../lib/notices.ts';
import type { PricedPlan } from '../lib/types.ts';
import { t, tryKey } from '../lib/words.ts';
import { Bar } from '../parts/bars.tsx';
import { Field, Form } from '../parts/dialog.tsx';

interface Prices {
  readonly currency: string;
  readonly prices: Readonly<Record<string, string>>;
}

interface Usage {
  readonly tenant_id: string;
  readonly total_hours: number;
  readonly total_vcpus_usage: number;
  readonly total_memory_mb_usage: number;
}

function PriceForm({ prices: { prices }, onSaved }: { prices: Prices; onSaved: () => void }) {
  const [draft, setDraft] = useState(prices);
  return (
    <Form
      action={t('prices.set')}
      onSubmit={async () => {
        await put('compute', '/os-xloud-prices', { prices: draft });
        say(t('prices.saved'));
        onSaved();
      }}
    >
      <div class="form-grid">
        {Object.entries(draft).map(([kind, price]) => (
          <Field key={kind} label={tryKey(`prices.title.${kind}`) ?? kind}>
            <input
              inputMode="decimal"
              pattern="[0-9]{1,4}(\.[0-9]{1,6})?"
              required
              value={price}
              onInput={(event) => setDraft({ ...draft, [kind]: event.currentTarget.value })}
            />
          </Field>
        ))}
      </div>
    </Form>
  );
}

const Plans = ({ plans, currency }: { plans: readonly PricedPlan[]; currency: string }) => (
  <table class="plain">
    <thead>
      <tr>
        <th scope="col">{t('facts.plan')}</th>
        <th scope="col" class="number">
          {t('prices.floor')}
        </th>
        <th scope="col" class="number">
          {t('prices.vcpu')}
        </th>
        <th scope="col" class="number">
          {t('prices.gib')}
        </th>
      </tr>
    </thead>
    <tbody>
      {plans.map(({ id, name, price_per_hour, above_floor }) => (
        <tr key={id}>
          <td>{name}</td>
          <td class="number">{money(price_per_hour, currency)}</td>
          <td class="number">{money(above_floor.vcpu_per_hour, currency)}</td>
          <td class="number">{money(above_floor.memory_gb_per_hour, currency)}</td>
        </tr>
      ))}
    </tbody>
  </table>
);

interface ProjectUse {
  readonly id: string;
  readonly name: string;
  readonly cost: number;
  readonly usage: Usage | undefined;
}

function usesOf(
  lines: readonly CostLine[],
  usages: readonly Usage[],
  names: ReadonlyMap<string, string>,
): readonly ProjectUse[] {
  const ids = new Set([...lines.flatMap(({ project }) => project ?? []), ...usages.map(({ tenant_id }) => tenant_id)]);
  return [...ids]
    .map((id) => ({
      id,
      name: names.get(id) ?? id,
      cost: total(lines.filter(({ project }) => project === id)),
      usage: usages.find(({ tenant_id }) => tenant_id === id),
    }))
    .sort((a, b) => b.cost - a.cost || (b.usage?.total_vcpus_usage ?? 0) - (a.usage?.total_vcpus_usage ?? 0));
}

async function readUses(): Promise<{ readonly currency: string; readonly uses: readonly ProjectUse[] }> {
  const now = new Date();
  const start = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1)).toISOString().slice(0, 19);
  const [bill, usage, projects] = await Promise.all([
    readBill(null, 'project'),
    get<{ tenant_usages: readonly Usage[] }>('compute', `/os-simple-tenant-usage?start=${start}`),
    get<{ projects: readonly { id: string; name: string }[] }>('identity', '/projects').catch(() => ({ projects: [] })),
  ]);
  const names = new Map(projects.projects.map(({ id, name }) => [id, name]));
  return { currency: bill.currency, uses: usesOf(bill.costs, usage.tenant_usages, names) };
}

function Uses() {
  const { value, error } = useLoaded(readUses, [], 60_000);
  const most = Math.max(1e-9, ...(value?.uses ?? []).map(({ usage }) => usage?.total_vcpus_usage ?? 0));
  return (
    <section class="card" aria-labelledby="uses-title">
      <h2 id="uses-title">{t('prices.uses')}</h2>
      {error !== null && <p class="plan bad">{error}</p>}
      <div class="bars">
        {(value?.uses ?? []).map(({ id, name, cost, usage }) => (
          <Bar
            key={id}
            label={name}
            share={((usage?.total_vcpus_usage ?? 0) / most) * 0.79}
            text={t('prices.use', {
              hours: whole(usage?.total_vcpus_usage ?? 0),
              gib: whole((usage?.total_memory_mb_usage ?? 0) / 1024),
              cost: money(cost, value?.currency ?? 'USD'),
            })}
          />
        ))}
      </div>
      {value?.uses.length === 0 && <p class="none">{t('prices.no-uses')}</p>}
    </section>
  );
}

export function PricesAndUsage() {
  const prices = useLoaded(() => get<Prices>('compute', '/os-xloud-prices'), []);
  const plans = useLoaded(
    () => get<{ currency: string; plans: readonly PricedPlan[] }>('compute', '/os-xloud-plans'),
    [],
  );
  return (
    <>
      <header class="head">
        <h1>{t('nav.prices')}</h1>
      </header>
      <div class="two">
        <section class="card" aria-labelledby="prices-title">
          <h2 id="prices-title">{t('prices.title', { currency: prices.value?.currency ?? '' })}</h2>
          <p class="muted">{t('prices.lead')}</p>
          {prices.error !== null && <p class="plan bad">{prices.error}</p>}
          {prices.value !== null && <PriceForm prices={prices.value} onSaved={prices.again} />}
        </section>
        <section class="card" aria-labelledby="plans-title">
          <h2 id="plans-title">{t('prices.plans')}</h2>
          {plans.value !== null && <Plans plans={plans.value.plans} currency={plans.value.currency} />}
        </section>
      </div>
      <div class="stack below">
        <Uses />
      </div>
    </>
  );
}
