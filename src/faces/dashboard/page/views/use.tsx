// Why: how busy a server was against how large it was says when to grow and when to shrink.

import { useEffect, useState } from 'preact/hooks';
import { get } from '../lib/api.ts';
import { bytes, memory, whole } from '../lib/format.ts';
import { useLoaded } from '../lib/load.ts';
import type { Server, Usage } from '../lib/types.ts';
import { t } from '../lib/words.ts';
import { type Point, UsePlot } from '../parts/plots.tsx';

const DAY_MS = 86_400_000;
/** What there is of a server that was just looked at fills the plot. */
const LEAST_MS = 5 * 60_000;
const LOOK_MS = 5_000;
const LOOKS_KEPT = 120;

/** Looks of a second while the page is open, beside the averages of five minutes. */
function useLooks({ id, status }: Server): readonly Usage[] {
  const [looks, setLooks] = useState<readonly Usage[]>([]);
  useEffect(() => {
    setLooks([]);
    if (status !== 'ACTIVE') return;
    let isOver = false;
    const look = async (): Promise<void> => {
      if (document.visibilityState !== 'visible') return;
      const usage = await get<Usage>('compute', `/servers/${id}/os-xloud-metrics`).catch(() => null);
      if (isOver || usage === null) return;
      setLooks((before) => [...before, { ...usage, at: new Date().toISOString() }].slice(-LOOKS_KEPT));
    };
    void look();
    const timer = setInterval(() => void look(), LOOK_MS);
    return () => {
      isOver = true;
      clearInterval(timer);
    };
  }, [id, status]);
  return looks;
}

const pointsOf = (samples: readonly Usage[], value: (usage: Usage) => number | null): readonly Point[] =>
  samples.flatMap((usage) => {
    const amount = value(usage);
    return amount === null || usage.at === undefined ? [] : [{ atMs: new Date(usage.at).getTime(), value: amount }];
  });

const sizeMb = ({ memory_mb: { balloon, total } }: Usage): number | null => balloon ?? total;

/** What of its memory a guest cannot give away; null: it does not say. */
const usedMb = (usage: Usage): number | null => {
  const size = sizeMb(usage);
  const { available } = usage.memory_mb;
  return size === null || available === null ? null : Math.max(0, size - available);
};

/** The day, or since the first look where that is later. */
function spanOf(samples: readonly Usage[]): { readonly fromMs: number; readonly toMs: number } {
  const toMs = Date.now();
  const first = samples[0]?.at;
  const sinceMs = first === undefined ? toMs : new Date(first).getTime();
  return { fromMs: toMs - Math.min(DAY_MS, Math.max(LEAST_MS, toMs - sinceMs)), toMs };
}

const Now = ({ usage }: { usage: Usage | undefined }) => {
  if (usage === undefined) return null;
  const { disk, network } = usage;
  return (
    <dl class="use-now">
      <div>
        <dt>{t('use.disk')}</dt>
        <dd>{t('use.rw', { read: bytes(disk.read_bytes), write: bytes(disk.write_bytes) })}</dd>
      </div>
      <div>
        <dt>{t('use.network')}</dt>
        <dd>{t('use.inout', { in: bytes(network.received_bytes), out: bytes(network.sent_bytes) })}</dd>
      </div>
      {usage.steal !== null && (
        <div>
          <dt>{t('use.steal')}</dt>
          <dd>{t('use.processors', { count: usage.steal.toFixed(2) })}</dd>
        </div>
      )}
    </dl>
  );
};

export function UseCard({ server }: { server: Server }) {
  const { value } = useLoaded(
    () => get<{ samples: readonly Usage[] }>('compute', `/servers/${server.id}/os-xloud-metrics/history`),
    [server.id],
    60_000,
  );
  const looks = useLooks(server);
  const samples = [...(value?.samples ?? []), ...looks];
  const { fromMs, toMs } = spanOf(samples);
  const { vcpus, ram } = server.flavor;
  return (
    <section class="card use-card" aria-labelledby="use-title">
      <header class="card-head">
        <h2 id="use-title">{t('use.title')}</h2>
        <span class="plot-key">
          <i class="key-use" /> {t('use.used')} <i class="key-size" /> {t('use.size')}
        </span>
      </header>
      <UsePlot
        title={t('use.cpu')}
        label={t('use.cpu.label')}
        use={pointsOf(samples, ({ cpu }) => cpu)}
        size={pointsOf(samples, (usage) => usage.vcpus)}
        ceiling={vcpus}
        write={(amount) => t('use.vcpus', { count: amount % 1 === 0 ? whole(amount) : amount.toFixed(2) })}
        {...{ fromMs, toMs }}
        empty={t('use.none')}
      />
      <UsePlot
        title={t('use.memory')}
        label={t('use.memory.label')}
        use={pointsOf(samples, usedMb)}
        size={pointsOf(samples, sizeMb)}
        ceiling={ram}
        write={memory}
        {...{ fromMs, toMs }}
        empty={t('use.silent')}
      />
      <Now usage={samples.at(-1)} />
    </section>
  );
}
