// Why: all servers at a glance, found quickly, and many of them changed at once.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { addressesOf } from '../lib/addresses.ts';
import { actionsFor, makesSense, type ServerAction } from '../lib/actions.ts';
import { runJob } from '../lib/jobs.ts';
import { wantLooks } from '../lib/looks.ts';
import { go } from '../lib/route.ts';
import { isElastic, loadError, loadServers, loadState, ofAll, ordered, showAll } from '../lib/servers.ts';
import { isOperator } from '../lib/session.ts';
import type { Server } from '../lib/types.ts';
import { whole } from '../lib/format.ts';
import { type Key, t } from '../lib/words.ts';
import { Confirm } from '../parts/dialog.tsx';
import { Icon } from '../parts/icons.tsx';
import { toneOf } from '../parts/status.tsx';
import { VirtualRows } from '../parts/virtual.tsx';
import { JobProgress } from './job.tsx';
import { Launch } from './launch.tsx';
import { ROW_PX, rowColumns, ServerRow } from './server-row.tsx';

type Filter = 'all' | 'running' | 'off' | 'busy' | 'failed' | 'elastic';

const filters: Readonly<Record<Filter, (server: Server) => boolean>> = {
  all: () => true,
  running: ({ status }) => status === 'ACTIVE',
  off: (server) => toneOf(server) === 'off',
  busy: (server) => toneOf(server) === 'busy',
  failed: ({ status }) => status === 'ERROR',
  elastic: isElastic,
};

/** Whether a server has every word of what is sought: in its name, id, address, host, flavor or tags. */
export function matches(server: Server, words: readonly string[]): boolean {
  if (words.length === 0) return true;
  const text = [
    server.name,
    server.id,
    ...addressesOf(server),
    server['OS-EXT-SRV-ATTR:host'] ?? '',
    server.flavor.original_name,
    ...(server.tags ?? []),
  ]
    .join(' ')
    .toLowerCase();
  return words.every((word) => text.includes(word));
}

const wordsOf = (sought: string): readonly string[] => sought.toLowerCase().split(/\s+/).filter(Boolean);

/** The slash leads to the search, as on many pages. */
function useSlash(focus: () => void): void {
  useEffect(() => {
    const hear = (event: KeyboardEvent): void => {
      const at = event.target as HTMLElement;
      if (event.key !== '/' || /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName)) return;
      event.preventDefault();
      focus();
    };
    addEventListener('keydown', hear);
    return () => removeEventListener('keydown', hear);
  }, []);
}

interface BulkProps {
  readonly chosen: readonly Server[];
  readonly onDone: () => void;
}

function Bulk({ chosen, onDone }: BulkProps) {
  const [asked, setAsked] = useState<ServerAction | null>(null);
  const run = async (action: ServerAction): Promise<void> => {
    const able = chosen.filter((server) => makesSense(action, server));
    onDone();
    void runJob(t(action.words), able, action.run);
  };
  return (
    <section class="bulk" aria-label={t('bulk.title')}>
      <b>{t('bulk.chosen', { count: whole(chosen.length) })}</b>
      <div class="bulk-actions">
        {actionsFor(chosen).map((action) => (
          <button
            key={action.name}
            type="button"
            class={action.name === 'delete' ? 'danger' : ''}
            onClick={() => (action.warning === undefined ? void run(action) : setAsked(action))}
          >
            {t(action.words)}
          </button>
        ))}
      </div>
      <button type="button" class="quiet" onClick={onDone}>
        {t('bulk.none')}
      </button>
      {asked && (
        <Confirm
          title={t(asked.words)}
          text={t('bulk.confirm', { count: whole(chosen.filter((one) => makesSense(asked, one)).length) })}
          action={t(asked.words)}
          onClose={() => setAsked(null)}
          onConfirm={() => run(asked)}
        />
      )}
    </section>
  );
}

const Empty = ({ onLaunch }: { onLaunch: () => void }) => (
  <div class="empty">
    <Icon name="servers" />
    <h2>{t('servers.empty')}</h2>
    <p class="muted">{t('servers.empty.lead')}</p>
    <button type="button" class="primary" onClick={onLaunch}>
      {t('launch')}
    </button>
  </div>
);

const Failed = () => (
  <div class="empty" role="alert">
    <Icon name="warning" />
    <h2>{t('servers.failed')}</h2>
    <p class="muted">{loadError.value}</p>
    <button type="button" onClick={() => void loadServers()}>
      {t('again')}
    </button>
  </div>
);

const Chips = ({
  all,
  filter,
  setFilter,
}: {
  all: readonly Server[];
  filter: Filter;
  setFilter: (f: Filter) => void;
}) => (
  <div class="chips" role="group" aria-label={t('servers.filter')}>
    {(Object.keys(filters) as Filter[]).map((name) => (
      <button key={name} type="button" class="chip" aria-pressed={filter === name} onClick={() => setFilter(name)}>
        {t(`filter.${name}` as Key)} <span class="count">{whole(all.filter(filters[name]).length)}</span>
      </button>
    ))}
  </div>
);

export function Servers({ launching }: { launching: boolean }) {
  const [sought, setSought] = useState('');
  const [filter, setFilter] = useState<Filter>('all');
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const search = useRef<HTMLInputElement>(null);
  useSlash(() => search.current?.focus());
  const all = ordered.value;
  const shown = useMemo(() => {
    const words = wordsOf(sought);
    return all.filter((server) => filters[filter](server) && matches(server, words));
  }, [all, sought, filter]);
  const picked = shown.filter(({ id }) => chosen.has(id));
  const choose = (id: string, isChosen: boolean): void => {
    const next = new Set(chosen);
    if (isChosen) next.add(id);
    else next.delete(id);
    setChosen(next);
  };
  const columns = rowColumns(isOperator.value === true);
  return (
    <>
      <header class="head">
        <h1>{t('servers.title')}</h1>
        <span class="spring" />
        {isOperator.value === true && (
          <label class="switch">
            <input type="checkbox" checked={ofAll.value} onChange={(event) => showAll(event.currentTarget.checked)} />
            <span>{t('servers.all')}</span>
          </label>
        )}
        <button type="button" class="primary" onClick={() => go('servers', 'launch')}>
          <Icon name="plus" /> {t('launch')}
        </button>
      </header>
      <div class="tools">
        <div class="search">
          <Icon name="search" />
          <input
            ref={search}
            type="search"
            aria-label={t('servers.search')}
            placeholder={t('servers.search')}
            value={sought}
            onInput={(event) => setSought(event.currentTarget.value)}
          />
          <kbd aria-hidden="true">/</kbd>
        </div>
        <Chips all={all} filter={filter} setFilter={setFilter} />
      </div>
      <JobProgress />
      {picked.length > 0 && <Bulk chosen={picked} onDone={() => setChosen(new Set())} />}
      {loadState.value === 'failed' && <Failed />}
      {loadState.value === 'ready' && all.length === 0 && <Empty onLaunch={() => go('servers', 'launch')} />}
      {all.length > 0 && (
        <div class="table servers" role="table" aria-label={t('servers.title')} aria-rowcount={shown.length + 1}>
          <div class="row row-head" role="row" aria-rowindex={1}>
            <span role="columnheader">
              <input
                type="checkbox"
                aria-label={t('servers.choose-all')}
                checked={picked.length > 0 && picked.length === shown.length}
                onChange={(event) =>
                  setChosen(event.currentTarget.checked ? new Set(shown.map(({ id }) => id)) : new Set())
                }
              />
            </span>
            {columns.map((column) => (
              <span key={column} role="columnheader" class={`cell-${column}`}>
                {t(`column.${column}` as Key)}
              </span>
            ))}
            <span role="columnheader" class="sr">
              {t('column.actions')}
            </span>
          </div>
          <VirtualRows
            items={shown}
            rowHeight={ROW_PX.value}
            keyOf={({ id }) => id}
            onSeen={(seen) => wantLooks(seen.map(({ id }) => id))}
            row={(server, index) => (
              <ServerRow server={server} index={index} chosen={chosen.has(server.id)} onChoose={choose} />
            )}
          />
          {shown.length === 0 && <p class="none">{t('servers.none')}</p>}
        </div>
      )}
      {loadState.value === 'loading' && <div class="skeleton" role="status" aria-label={t('loading')} />}
      {launching && <Launch onClose={() => go('servers')} />}
    </>
  );
}
