// Why: whether the service may get work, and which of its parts are there, is seen before anybody complains.

import { get, health } from '../lib/api.ts';
import { ago } from '../lib/format.ts';
import { useLoaded } from '../lib/load.ts';
import { hrefOf } from '../lib/route.ts';
import { t } from '../lib/words.ts';
import { Pill } from '../parts/status.tsx';

interface Service {
  readonly id: string;
  readonly binary: string;
  readonly host: string;
  readonly zone: string;
  readonly status: 'enabled' | 'disabled';
  readonly state: 'up' | 'down';
  readonly updated_at: string | null;
}

const LOOK_MS = 10_000;

function Checks() {
  const { value, error } = useLoaded(health, [], LOOK_MS);
  return (
    <section class="card" aria-labelledby="checks-title">
      <header class="card-head">
        <h2 id="checks-title">{t('health.checks')}</h2>
        {value !== null && (
          <Pill
            tone={value.status === 'ready' ? 'ok' : 'bad'}
            text={t(value.status === 'ready' ? 'health.ready' : 'health.not')}
          />
        )}
      </header>
      {error !== null && <p class="plan bad">{error}</p>}
      <ul class="checks">
        {Object.entries(value?.checks ?? {}).map(([name, found]) => (
          <li key={name}>
            <span>{name}</span>
            <Pill tone={found === 'ok' ? 'ok' : 'bad'} text={found} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Services() {
  const { value, error } = useLoaded(
    () => get<{ services: readonly Service[] }>('compute', '/os-services'),
    [],
    LOOK_MS,
  );
  return (
    <section class="card" aria-labelledby="services-title">
      <h2 id="services-title">{t('health.services')}</h2>
      {error !== null && <p class="plan bad">{error}</p>}
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">{t('health.service')}</th>
            <th scope="col">{t('facts.host')}</th>
            <th scope="col">{t('column.state')}</th>
            <th scope="col">{t('health.heard')}</th>
          </tr>
        </thead>
        <tbody>
          {(value?.services ?? []).map(({ id, binary, host, state, status, updated_at }) => (
            <tr key={id}>
              <td>{binary.replace(/^nova-/, '')}</td>
              <td>{host}</td>
              <td>
                <Pill
                  tone={state === 'down' ? 'bad' : status === 'disabled' ? 'warn' : 'ok'}
                  text={t(state === 'down' ? 'hosts.down' : status === 'disabled' ? 'hosts.disabled' : 'hosts.up')}
                />
              </td>
              <td class="muted">{updated_at === null ? '–' : ago(updated_at)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

interface ServerHealth {
  readonly server_id: string;
  readonly name: string;
  readonly status: 'healthy' | 'degraded' | 'unhealthy' | 'unknown' | 'off';
  readonly reason: string | null;
  readonly checked_at: string | null;
}

interface HealthList {
  readonly health: readonly ServerHealth[];
  readonly health_links?: readonly unknown[];
}

/** Hosts tell of their servers every five minutes. */
const SERVERS_MS = 60_000;

const tones = { healthy: 'ok', degraded: 'warn', unhealthy: 'bad', unknown: 'warn', off: 'off' } as const;

/** Whoever is not well, the worst first; of how many. */
function Servers() {
  const { value, error } = useLoaded(
    () => get<HealthList>('compute', '/os-xloud-health?all_tenants=1'),
    [],
    SERVERS_MS,
  );
  const all = value?.health ?? [];
  const counts = Object.entries(Object.groupBy(all, ({ status }) => status));
  const unwell = all.filter(({ status }) => status !== 'healthy' && status !== 'off');
  const worst = unwell.toSorted((a, b) => Number(b.status === 'unhealthy') - Number(a.status === 'unhealthy'));
  return (
    <section class="card" aria-labelledby="servers-health-title">
      <header class="card-head">
        <h2 id="servers-health-title">{t('health.servers')}</h2>
        {counts.map(([status, some]) => (
          <Pill
            key={status}
            tone={tones[status as ServerHealth['status']]}
            text={`${t(`health.${status as ServerHealth['status']}`)} ${some?.length ?? 0}`}
          />
        ))}
      </header>
      {error !== null && <p class="plan bad">{error}</p>}
      {value?.health_links !== undefined && <p class="muted">{t('health.first', { count: all.length })}</p>}
      {value !== null && unwell.length === 0 && <p class="muted">{t('health.all-well')}</p>}
      <ul class="checks">
        {worst.slice(0, 100).map(({ server_id, name, status, reason }) => (
          <li key={server_id}>
            <span>
              <a href={hrefOf('servers', server_id)}>{name}</a> <span class="muted">{reason}</span>
            </span>
            <Pill tone={tones[status]} text={t(`health.${status}`)} />
          </li>
        ))}
      </ul>
    </section>
  );
}

export const HealthPage = () => (
  <>
    <header class="head">
      <h1>{t('nav.health')}</h1>
      <span class="spring" />
      <a class="button" href={new URL('../docs', import.meta.url).href} target="_blank" rel="noopener">
        {t('health.docs')}
      </a>
    </header>
    <div class="two">
      <Checks />
      <Services />
    </div>
    <Servers />
  </>
);
