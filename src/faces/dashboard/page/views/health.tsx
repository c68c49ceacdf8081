// Why: whether the service may get work, and which of its parts are there, is seen before anybody complains.

import { get, health } from '../lib/api.ts';
import { ago } from '../lib/format.ts';
import { useLoaded } from '../lib/load.ts';
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
  </>
);
