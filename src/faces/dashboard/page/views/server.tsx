// Why: everything about one server: what it is, how large, how busy, what it shows on its screen, its copies and its history.

import { useEffect, useState } from 'preact/hooks';
import { get, messageOf, Refusal } from '../lib/api.ts';
import { makesSense, serverActions } from '../lib/actions.ts';
import { ago, money } from '../lib/format.ts';
import { useLoaded } from '../lib/load.ts';
import { onNews } from '../lib/live.ts';
import { go, hrefOf } from '../lib/route.ts';
import { servers, sizes } from '../lib/servers.ts';
import { isOperator } from '../lib/session.ts';
import type { Server as ServerType, ServerCost } from '../lib/types.ts';
import { type Key, t } from '../lib/words.ts';
import { Icon } from '../parts/icons.tsx';
import { Status } from '../parts/status.tsx';
import { ActionMenu, runAction } from './action-menu.tsx';
import { Console } from './console.tsx';
import { Copies } from './copies.tsx';
import { SizeCard } from './size.tsx';
import { Timeline } from './timeline.tsx';
import { UseCard } from './use.tsx';

const TABS = ['overview', 'console', 'copies', 'history'] as const;
type Tab = (typeof TABS)[number];

/** The server of an address: from the table, or read by itself where that does not have it. */
function useServer(id: string): { readonly server: ServerType | null; readonly problem: string | null } {
  const known = servers.value.get(id) ?? null;
  const [alone, setAlone] = useState<ServerType | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const isKnown = known !== null;
  useEffect(() => {
    if (isKnown) return setProblem(null);
    const read = (): void => {
      get<{ server: ServerType }>('compute', `/servers/${id}`).then(
        ({ server }) => {
          setAlone(server);
          setProblem(null);
        },
        (error: unknown) => {
          setAlone(null);
          setProblem(error instanceof Refusal && error.status === 404 ? t('server.gone') : messageOf(error));
        },
      );
    };
    read();
    return onNews(({ ids, more }) => (more || ids.includes(id)) && read());
  }, [id, isKnown]);
  return { server: known ?? alone, problem };
}

const Fact = ({ words, children }: { words: Key; children: preact.ComponentChildren }) => (
  <div>
    <dt>{t(words)}</dt>
    <dd>{children}</dd>
  </div>
);

function useImageName({ image }: ServerType): string {
  const id = image === '' ? null : image.id;
  const { value } = useLoaded(
    async () => (id === null ? null : await get<{ name: string }>('image', `/images/${id}`).catch(() => null)),
    [id],
  );
  return value?.name ?? id ?? t('server.volume');
}

interface CloudInit {
  readonly status: 'not_run' | 'running' | 'done' | 'error' | 'unknown';
  readonly errors: readonly string[];
}

/** What cloud-init came to, as the guest says; nothing where it says nothing. */
function CloudInitFact({ server }: { server: ServerType }) {
  const { value } = useLoaded(
    () => get<CloudInit>('compute', `/servers/${server.id}/os-xloud-cloud-init`).catch(() => null),
    [server.id, server.status],
    30_000,
  );
  if (value === null || value.status === 'unknown' || value.status === 'not_run') return null;
  return (
    <Fact words="facts.cloudinit">
      {t(`cloudinit.${value.status}`)}
      {value.errors.slice(0, 3).map((error) => (
        <p key={error} class="copy-reason">
          {error}
        </p>
      ))}
    </Fact>
  );
}

function Facts({ server, cost }: { server: ServerType; cost: ServerCost | null }) {
  const image = useImageName(server);
  return (
    <section class="card facts" aria-labelledby="facts-title">
      <h2 id="facts-title">{t('facts.title')}</h2>
      <dl>
        <Fact words="facts.plan">{server.flavor.original_name}</Fact>
        <Fact words="facts.image">{image}</Fact>
        {Object.entries(server.addresses).map(([network, list]) => (
          <div key={network}>
            <dt>{network}</dt>
            <dd class="mono">{list.map(({ addr }) => addr).join(', ')}</dd>
          </div>
        ))}
        <Fact words="facts.key">{server.key_name ?? '–'}</Fact>
        <Fact words="facts.zone">{server['OS-EXT-AZ:availability_zone'] || '–'}</Fact>
        {isOperator.value === true && <Fact words="facts.host">{server['OS-EXT-SRV-ATTR:host'] ?? '–'}</Fact>}
        {server.metadata['xloud:template'] && <Fact words="facts.template">{server.metadata['xloud:template']}</Fact>}
        <CloudInitFact server={server} />
        <Fact words="facts.created">{ago(server.created)}</Fact>
        <Fact words="facts.id">
          <span class="mono id">{server.id}</span>
        </Fact>
      </dl>
      {cost !== null && (
        <p class="fact-cost">
          <b>{money(cost.cost, cost.currency)}</b> <span class="muted">{t('facts.cost')}</span>
        </p>
      )}
    </section>
  );
}

const QUICK = ['start', 'stop', 'reboot'];

function Head({ server }: { server: ServerType }) {
  const quick = serverActions.filter((action) => QUICK.includes(action.name) && makesSense(action, server));
  return (
    <header class="head server-head">
      <a class="quiet square button" href={hrefOf('servers')} aria-label={t('server.back')}>
        <Icon name="back" />
      </a>
      <h1>{server.name || server.id}</h1>
      <Status server={server} />
      {server.locked && (
        <span class="muted lock-words" title={server.locked_reason ?? ''}>
          <Icon name="lock" /> {t('server.locked')}
        </span>
      )}
      <span class="spring" />
      <div class="head-actions">
        {quick.map((action) => (
          <button key={action.name} type="button" onClick={() => void runAction(action, server)}>
            {action.icon && <Icon name={action.icon} />} {t(action.words)}
          </button>
        ))}
        <ActionMenu server={server} text={t('act.more')} without={QUICK} onDeleted={() => go('servers')} />
      </div>
    </header>
  );
}

const Tabs = ({ id, tab }: { id: string; tab: Tab }) => (
  <nav class="tabs" aria-label={t('server.tabs')}>
    {TABS.map((name) => (
      <a key={name} href={hrefOf('servers', id, name)} {...(name === tab ? { 'aria-current': 'page' as const } : {})}>
        {t(`tab.${name}`)}
      </a>
    ))}
  </nav>
);

export function Server({ id, tab: asked }: { id: string; tab: string | undefined }) {
  const { server, problem } = useServer(id);
  const tab = TABS.find((name) => name === asked) ?? 'overview';
  const size = sizes.value.get(id);
  const cost = useLoaded(
    () => get<ServerCost>('compute', `/servers/${id}/os-xloud-cost`),
    [id, size?.vcpus.claimed, size?.memory_mb.claimed],
    60_000,
  ).value;
  if (server === null) {
    return problem === null ? (
      <div class="skeleton" role="status" aria-label={t('loading')} />
    ) : (
      <div class="empty" role="alert">
        <Icon name="warning" />
        <h1>{problem}</h1>
        <a class="button" href={hrefOf('servers')}>
          {t('server.back')}
        </a>
      </div>
    );
  }
  return (
    <>
      <Head server={server} />
      {server.fault && (
        <p class="fault" role="alert">
          <Icon name="warning" /> {server.fault.message}
        </p>
      )}
      <Tabs id={id} tab={tab} />
      {tab === 'overview' && (
        <div class="overview">
          <div class="stack">
            <SizeCard server={server} cost={cost} />
            <UseCard server={server} />
          </div>
          <Facts server={server} cost={cost} />
        </div>
      )}
      {tab === 'console' && <Console server={server} />}
      {tab === 'copies' && <Copies server={server} />}
      {tab === 'history' && <Timeline server={server} />}
    </>
  );
}
