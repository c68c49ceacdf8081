// Why: the size of a server is moved with two sliders. While one is dragged the service is asked what would happen; let go, it happens,
// and one sees how far it is: asked for, held by the host, confirmed by the guest.

import { useEffect, useRef, useState } from 'preact/hooks';
import { get, messageOf, post } from '../lib/api.ts';
import { memory, money, whole } from '../lib/format.ts';
import { isOperator } from '../lib/session.ts';
import { refresh, sizes } from '../lib/servers.ts';
import { bodyOf, costAt, isFree, memoryStep, reasonsOf, sameWish, stepsOf, targetOf, type Wish } from '../lib/sizes.ts';
import type { Adjustment, Plan, Server, ServerCost } from '../lib/types.ts';
import { type Key, t } from '../lib/words.ts';
import { Slider } from '../parts/slider.tsx';

const PLAN_AFTER_MS = 90;
const LOOK_MS = 400;

/** The server's size, followed closely while it moves. */
function useAdjustment({ id, updated }: Server): Adjustment | null {
  const known = sizes.value.get(id) ?? null;
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | null = null;
    let isOver = false;
    const look = async (): Promise<void> => {
      const found = await get<Adjustment>('compute', `/os-xloud-adjust/${id}`).catch(() => null);
      if (isOver || found === null) return;
      sizes.value = new Map(sizes.value).set(id, found);
      if (found.status === 'adjusting') timer = setTimeout(() => void look(), LOOK_MS);
    };
    void look();
    return () => {
      isOver = true;
      if (timer !== null) clearTimeout(timer);
    };
  }, [id, updated, known?.status]);
  return known;
}

interface Outlook {
  readonly plan: Plan | null;
  readonly problem: string | null;
}

const NOTHING: Outlook = { plan: null, problem: null };

/** What the service says would happen, of the latest wish alone. */
function usePlan(id: string, wish: Wish | null, status: string): Outlook {
  const [outlook, setOutlook] = useState<Outlook>(NOTHING);
  useEffect(() => {
    if (wish === null) return setOutlook(NOTHING);
    const stop = new AbortController();
    const timer = setTimeout(() => {
      post<Plan>('compute', `/os-xloud-adjust/${id}/plan`, bodyOf(wish), { signal: stop.signal }).then(
        (plan) => setOutlook({ plan, problem: null }),
        (error: unknown) => {
          if (!stop.signal.aborted) setOutlook({ plan: null, problem: messageOf(error) });
        },
      );
    }, PLAN_AFTER_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [id, wish?.vcpus, wish?.memoryMb, status]);
  return outlook;
}

const Step = ({ words, state }: { words: Key; state: string }) => (
  <li class={`step ${state}`}>
    <i aria-hidden="true" />
    <span>{t(words)}</span>
    <span class="sr">{t(`step.${state}` as Key)}</span>
  </li>
);

function Progress({ adjustment }: { adjustment: Adjustment }) {
  if (adjustment.request_id === null) return <p class="muted">{t('size.hint')}</p>;
  const steps = stepsOf(adjustment);
  return (
    <div class="size-progress" role="status">
      <ol class="steps">
        <Step words="step.requested" state={steps.requested} />
        <Step words="step.claimed" state={steps.claimed} />
        <Step words="step.confirmed" state={steps.confirmed} />
      </ol>
      {adjustment.message && <p class="size-message">{adjustment.message}</p>}
    </div>
  );
}

const TONES: Readonly<Record<string, string>> = {
  live: 'ok',
  live_after_migration: 'warn',
  next_boot: 'warn',
  refused: 'bad',
};

function PlanWords({ outlook: { plan, problem } }: { outlook: Outlook }) {
  if (problem !== null) return <p class="plan bad">{problem}</p>;
  if (plan === null) return <p class="plan muted">{t('plan.asking')}</p>;
  const reasons = plan.result === 'live' ? [] : reasonsOf(plan);
  return (
    <div class={`plan ${TONES[plan.result] ?? 'warn'}`}>
      <b>{t(`plan.${plan.result}` as Key)}</b>
      {reasons.map((reason) => (
        <p key={reason}>{reason}</p>
      ))}
      {plan.result === 'refused' && plan.largest !== null && (
        <p>{t('plan.largest', { vcpus: whole(plan.largest.vcpus), memory: memory(plan.largest.memory_mb) })}</p>
      )}
    </div>
  );
}

interface CostWordsProps {
  readonly cost: ServerCost | null;
  readonly adjustment: Adjustment;
  readonly wish: Wish;
}

function CostWords({ cost, adjustment, wish }: CostWordsProps) {
  if (cost === null || isFree(cost)) return null;
  const next = costAt(cost, adjustment, wish);
  const now = costAt(cost, adjustment, targetOf(adjustment));
  return (
    <p class="size-cost">
      <b>{t('cost.hourly', { cost: money(next, cost.currency) })}</b>
      {next !== now && (
        <span class={next > now ? 'more' : 'less'}>
          {next > now ? '+' : '−'}
          {money(Math.abs(next - now), cost.currency)}
        </span>
      )}
      <span class="muted">{t('cost.monthly', { cost: money(next * 730, cost.currency) })}</span>
    </p>
  );
}

interface SizeCardProps {
  readonly server: Server;
  readonly cost: ServerCost | null;
}

/** A server whose size may not change: what it is, and why there are no sliders. */
const FixedSize = ({ server }: { server: Server }) => (
  <section class="card" aria-labelledby="size-title">
    <h2 id="size-title">{t('size.title')}</h2>
    <p class="fixed-size">
      <b>{whole(server.flavor.vcpus)}</b> vCPU <b>{memory(server.flavor.ram)}</b>
    </p>
    <p class="muted">{t('size.fixed')}</p>
  </section>
);

export function SizeCard({ server, cost }: SizeCardProps) {
  const adjustment = useAdjustment(server);
  if (adjustment === null) return <FixedSize server={server} />;
  const isFixed =
    adjustment.vcpus.minimum === adjustment.vcpus.maximum &&
    adjustment.memory_mb.minimum === adjustment.memory_mb.maximum;
  return isFixed ? <FixedSize server={server} /> : <Sliders server={server} cost={cost} adjustment={adjustment} />;
}

/** What is wished for, and what becomes of it. */
function useWish({ id }: Server, adjustment: Adjustment) {
  const target = targetOf(adjustment);
  const [wish, setWish] = useState<Wish | null>(null);
  const [before, setBefore] = useState<Wish | null>(null);
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const shown = wish ?? target;
  const latest = useRef(shown);
  latest.current = shown;
  /** Let go while another change was under way: it is done after that. */
  const meant = useRef<Wish | null>(null);

  const apply = async (size: Wish, mayMigrate = false): Promise<void> => {
    setBusy(true);
    setProblem('');
    try {
      const body = { ...bodyOf(size), ...(mayMigrate ? { may_migrate: true } : {}) };
      const next = await post<Adjustment>('compute', `/os-xloud-adjust/${id}`, body);
      setBefore(target);
      setWish(null);
      sizes.value = new Map(sizes.value).set(id, next);
      void refresh();
    } catch (error) {
      setProblem(messageOf(error));
    } finally {
      setBusy(false);
    }
  };
  const applyIfLive = async (size: Wish): Promise<void> => {
    const plan = await post<Plan>('compute', `/os-xloud-adjust/${id}/plan`, bodyOf(size)).catch(() => null);
    if (plan?.result === 'live' && sameWish(size, latest.current)) await apply(size);
  };
  useEffect(() => {
    const size = meant.current;
    if (size === null || adjustment.status === 'adjusting') return;
    meant.current = null;
    if (sameWish(size, latest.current)) void applyIfLive(size);
  }, [adjustment.status]);
  return {
    ...{ wish, shown, problem, busy, apply },
    /** The size before the last change; null where there is nothing to go back to. */
    before: wish === null && before !== null && !sameWish(before, target) ? before : null,
    move: (part: Partial<Wish>): void => {
      const next = { ...latest.current, ...part };
      latest.current = next;
      setProblem('');
      setWish(sameWish(next, target) ? null : next);
    },
    /** Letting go means it, where it is done at once; what needs more than that waits for a button. */
    letGo: (): void => {
      const size = latest.current;
      if (sameWish(size, target)) setWish(null);
      else if (adjustment.status === 'adjusting') meant.current = size;
      else void applyIfLive(size);
    },
    drop: () => setWish(null),
  };
}

type Wished = ReturnType<typeof useWish>;

function Foot({ wished, plan }: { wished: Wished; plan: Plan | null }) {
  const { wish, before, busy, apply, drop } = wished;
  const result = plan?.result;
  return (
    <footer class="size-foot">
      {wish !== null && (
        <>
          <button
            type="button"
            class="primary"
            disabled={busy || (result !== 'live' && result !== 'next_boot')}
            onClick={() => void apply(wish)}
          >
            {result === 'next_boot' ? t('size.store') : t('size.apply')}
          </button>
          {result === 'live_after_migration' && isOperator.value === true && (
            <button type="button" disabled={busy} onClick={() => void apply(wish, true)}>
              {t('size.migrate')}
            </button>
          )}
          <button type="button" class="quiet" onClick={drop}>
            {t('cancel')}
          </button>
        </>
      )}
      {before !== null && (
        <button type="button" class="quiet" disabled={busy} onClick={() => void apply(before)}>
          {t('size.undo', { vcpus: whole(before.vcpus), memory: memory(before.memoryMb) })}
        </button>
      )}
    </footer>
  );
}

function Sliders({ server, cost, adjustment }: SizeCardProps & { adjustment: Adjustment }) {
  const wished = useWish(server, adjustment);
  const { wish, shown, problem, move, letGo } = wished;
  const outlook = usePlan(server.id, wish, adjustment.status);
  const largest = outlook.plan?.largest ?? null;
  const { vcpus, memory_mb: ram } = adjustment;
  return (
    <section class="card size-card" aria-labelledby="size-title">
      <header class="card-head">
        <h2 id="size-title">{t('size.title')}</h2>
        <span class="muted">{t('size.method', { method: ram.method })}</span>
      </header>
      <Slider
        label={t('size.vcpu')}
        {...{ min: vcpus.minimum, max: vcpus.maximum, step: 1, value: shown.vcpus }}
        {...{ current: vcpus.current, claimed: vcpus.claimed, largest: largest?.vcpus ?? null }}
        write={(value) => t('size.n-vcpus', { count: whole(value) })}
        onMove={(next) => move({ vcpus: next })}
        onLetGo={letGo}
      />
      <Slider
        label={t('size.ram')}
        {...{ min: ram.minimum, max: ram.maximum, step: memoryStep(adjustment), value: shown.memoryMb }}
        {...{ current: ram.current, claimed: ram.claimed, largest: largest?.memory_mb ?? null }}
        write={memory}
        onMove={(next) => move({ memoryMb: next })}
        onLetGo={letGo}
      />
      <CostWords cost={cost} adjustment={adjustment} wish={shown} />
      <div class="size-outcome" aria-live="polite">
        {wish === null ? <Progress adjustment={adjustment} /> : <PlanWords outlook={outlook} />}
        {problem !== '' && (
          <p class="plan bad" role="alert">
            {problem}
          </p>
        )}
      </div>
      <Foot wished={wished} plan={outlook.plan} />
    </section>
  );
}
