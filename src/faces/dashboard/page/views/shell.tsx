// Why: around every view stand the same things: where one may go, in which project one is, and whether what is shown is live.

import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { liveState, listen } from '../lib/live.ts';
import { attempt } from '../lib/notices.ts';
import { hrefOf, parts } from '../lib/route.ts';
import { loadServers } from '../lib/servers.ts';
import { forgetLooks } from '../lib/looks.ts';
import { isOperator, learn, projectId, projects, session, signOut, switchProject } from '../lib/session.ts';
import { type Key, t } from '../lib/words.ts';
import { Icon, type IconName, Logo } from '../parts/icons.tsx';
import { Menu } from '../parts/menu.tsx';
import { Notices } from '../parts/notices.tsx';

interface Place {
  readonly name: string;
  readonly words: Key;
  readonly icon: IconName;
}

const PLACES: readonly Place[] = [
  { name: 'servers', words: 'nav.servers', icon: 'servers' },
  { name: 'networks', words: 'nav.networks', icon: 'network' },
  { name: 'backups', words: 'nav.backups', icon: 'camera' },
  { name: 'policies', words: 'nav.policies', icon: 'policies' },
  { name: 'project', words: 'nav.project', icon: 'project' },
];

const OPERATOR_PLACES: readonly Place[] = [
  { name: 'hosts', words: 'nav.hosts', icon: 'hosts' },
  { name: 'prices', words: 'nav.prices', icon: 'prices' },
  { name: 'health', words: 'nav.health', icon: 'health' },
];

const Links = ({ places }: { places: readonly Place[] }) => (
  <>
    {places.map(({ name, words, icon }) => (
      <a key={name} href={hrefOf(name)} {...(parts.value[0] === name ? { 'aria-current': 'page' as const } : {})}>
        <Icon name={icon} />
        <span>{t(words)}</span>
      </a>
    ))}
  </>
);

const LiveDot = () => (
  <span class={`live ${liveState.value}`} role="status" title={t(`live.${liveState.value}`)}>
    <i aria-hidden="true" />
    <span>{t(`live.${liveState.value}`)}</span>
  </span>
);

function ProjectChoice() {
  const of = session.value;
  if (of === null) return null;
  const known = projects.value.length === 0 ? [of.project] : projects.value;
  return (
    <select
      class="project-choice"
      aria-label={t('project.choice')}
      value={of.project.id}
      onChange={(event) => void attempt(null, () => switchProject(event.currentTarget.value))}
    >
      {known.map(({ id, name }) => (
        <option key={id} value={id} selected={id === of.project.id}>
          {name}
        </option>
      ))}
    </select>
  );
}

export function Shell({ children }: { children: ComponentChildren }) {
  const id = projectId.value;
  useEffect(() => {
    if (id === null) return;
    forgetLooks();
    void learn().then(loadServers);
    return listen();
  }, [id]);
  return (
    <div class="shell">
      <a class="skip" href="#main" onClick={skip}>
        {t('skip')}
      </a>
      <header class="top">
        <a class="brand" href={hrefOf('servers')} aria-label={t('title')}>
          <Logo />
          <b>xloud</b>
        </a>
        <ProjectChoice />
        <span class="spring" />
        <LiveDot />
        <Menu
          label={t('user.menu')}
          text={session.value?.userName ?? ''}
          items={[{ label: t('signout'), icon: 'user', run: () => void signOut() }]}
        />
      </header>
      <nav class="side" aria-label={t('nav')}>
        <Links places={PLACES} />
        {isOperator.value === true && (
          <>
            <span class="side-title">{t('nav.operator')}</span>
            <Links places={OPERATOR_PLACES} />
          </>
        )}
      </nav>
      <main id="main" class="main" tabIndex={-1}>
        {children}
      </main>
      <Notices />
    </div>
  );
}

/** The address says where one is, so the link past the navigation must not change it. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}
