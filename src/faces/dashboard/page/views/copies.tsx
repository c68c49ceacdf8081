// Why: a server can go back to what its disk was: snapshots beside it, backups that outlive it, and when they are made by themselves.

import { useEffect, useState } from 'preact/hooks';
import { get, post, put, Refusal, remove } from '../lib/api.ts';
import { ago, bytes, moment } from '../lib/format.ts';
import { useLoaded } from '../lib/load.ts';
import { onNews } from '../lib/live.ts';
import { attempt } from '../lib/notices.ts';
import type { Copy, Server } from '../lib/types.ts';
import { type Key, t } from '../lib/words.ts';
import { Confirm, Dialog, Field, Form } from '../parts/dialog.tsx';
import { Icon } from '../parts/icons.tsx';
import { Menu, type MenuItem } from '../parts/menu.tsx';
import { Pill } from '../parts/status.tsx';

type Kind = 'snapshots' | 'backups';

const one: Readonly<Record<Kind, 'snapshot' | 'backup'>> = { snapshots: 'snapshot', backups: 'backup' };

const ofServer = (kind: Kind, { id }: Pick<Server, 'id'>): string => `/servers/${id}/os-xloud-${kind}`;

/** Backups have a place of their own, since they outlive their server. */
const pathOf = (kind: Kind, copy: Copy): string =>
  kind === 'backups' ? `/os-xloud-backups/${copy.id}` : `/servers/${copy.server_id}/os-xloud-snapshots/${copy.id}`;

const TONES = { available: 'ok', creating: 'busy', restoring: 'busy', deleting: 'busy', error: 'bad' } as const;

const toneOf = (status: string): 'ok' | 'busy' | 'bad' => TONES[status as keyof typeof TONES] ?? 'busy';

/** `whole, by schedule, verified an hour ago` */
export const copyWords = ({ kind, scheduled, verified_at: verified }: Copy): string =>
  [
    ...(kind === undefined ? [] : [t(`copy.${kind}`)]),
    ...(scheduled === true ? [t('copy.scheduled')] : []),
    ...(verified === null ? [] : [t('copy.verified', { when: ago(verified) })]),
  ].join(', ');

export const CopyStatus = ({ copy }: { copy: Copy }) => (
  <Pill
    tone={copy.verifying ? 'busy' : toneOf(copy.status)}
    text={copy.verifying ? t('copy.verifying') : copy.status}
  />
);

interface CopyRowProps {
  readonly kind: Kind;
  readonly copy: Copy;
  readonly server: Server;
  readonly onChanged: () => void;
}

function CopyRow({ kind, copy, server, onChanged }: CopyRowProps) {
  const [asked, setAsked] = useState<'restore' | 'delete' | null>(null);
  const verify = async (): Promise<void> => {
    await attempt(t('copy.verifying'), () => post('compute', `${pathOf(kind, copy)}/verify`, undefined));
    onChanged();
  };
  const items: MenuItem[] = [
    ...(copy.status === 'available'
      ? [{ label: t('copy.restore'), icon: 'back' as const, run: () => setAsked('restore') }]
      : []),
    ...(kind === 'backups' && copy.status === 'available'
      ? [{ label: t('copy.verify'), icon: 'check' as const, run: () => void verify() }]
      : []),
    { label: t('act.delete'), icon: 'trash' as const, danger: true, run: () => setAsked('delete') },
  ];
  const restore = (): Promise<unknown> => post('compute', `${ofServer(kind, server)}/${copy.id}/restore`, undefined);
  return (
    <li class="copy">
      <div>
        <b>{copy.name}</b>
        <small class="muted" title={moment(copy.created_at)}>
          {ago(copy.created_at)}
          {copy.file_bytes !== null && ` · ${bytes(copy.file_bytes)}`}
          {copyWords(copy) !== '' && ` · ${copyWords(copy)}`}
        </small>
        {copy.reason && <p class="copy-reason">{copy.reason}</p>}
      </div>
      <CopyStatus copy={copy} />
      <Menu label={t('copy.menu', { name: copy.name })} items={items} />
      {asked !== null && (
        <Confirm
          title={t(asked === 'restore' ? 'copy.restore.title' : 'copy.delete.title', { name: copy.name })}
          text={t(asked === 'restore' ? 'copy.restore.text' : 'copy.delete.text', { server: server.name })}
          action={t(asked === 'restore' ? 'copy.restore' : 'act.delete')}
          onClose={() => setAsked(null)}
          onConfirm={async () => {
            await (asked === 'restore' ? restore() : remove('compute', pathOf(kind, copy)));
            onChanged();
          }}
        />
      )}
    </li>
  );
}

const LOOK_MS = 2_000;

function CopyList({ kind, server }: { kind: Kind; server: Server }) {
  const { value, error, again } = useLoaded(
    () => get<Record<Kind, readonly Copy[]>>('compute', ofServer(kind, server)),
    [server.id, kind, server['OS-EXT-STS:task_state']],
  );
  const [naming, setNaming] = useState(false);
  const [name, setName] = useState('');
  const copies = value?.[kind] ?? [];
  const isMoving = copies.some((copy) => copy.verifying || !['available', 'error'].includes(copy.status));
  useEffect(() => onNews(({ ids, more }) => (more || ids.includes(server.id)) && again()), [server.id]);
  useEffect(() => {
    if (!isMoving) return;
    const timer = setInterval(again, LOOK_MS);
    return () => clearInterval(timer);
  }, [isMoving]);
  return (
    <section class="card" aria-labelledby={`${kind}-title`}>
      <header class="card-head">
        <h2 id={`${kind}-title`}>{t(`copies.${kind}`)}</h2>
        <button type="button" onClick={() => setNaming(true)}>
          <Icon name="camera" /> {t(`copies.${kind}.make`)}
        </button>
      </header>
      <p class="muted">{t(`copies.${kind}.lead`)}</p>
      {error !== null && <p class="plan bad">{error}</p>}
      <ul class="copy-list">
        {copies.map((copy) => (
          <CopyRow key={copy.id} kind={kind} copy={copy} server={server} onChanged={again} />
        ))}
      </ul>
      {value !== null && copies.length === 0 && <p class="none">{t('copies.none')}</p>}
      {naming && (
        <Dialog title={t(`copies.${kind}.make`)} onClose={() => setNaming(false)}>
          <Form
            action={t(`copies.${kind}.make`)}
            disabled={name.trim() === ''}
            onCancel={() => setNaming(false)}
            onSubmit={async () => {
              await post('compute', ofServer(kind, server), { [one[kind]]: { name: name.trim() } });
              setNaming(false);
              setName('');
              again();
            }}
          >
            <Field label={t('name')}>
              <input required maxLength={255} value={name} onInput={(event) => setName(event.currentTarget.value)} />
            </Field>
          </Form>
        </Dialog>
      )}
    </section>
  );
}

interface ScheduleBody {
  readonly cron: string;
  readonly incrementals: number;
  readonly keep: number;
  readonly next_at?: string | null;
  readonly last_problem?: string | null;
}

const PRESETS: readonly (readonly [words: Key, cron: string])[] = [
  ['schedule.nightly', '30 2 * * *'],
  ['schedule.sixhourly', '0 */6 * * *'],
  ['schedule.weekly', '30 2 * * 0'],
];

function Schedule({ server }: { server: Server }) {
  const path = `/servers/${server.id}/os-xloud-backup-schedule`;
  const { value, again } = useLoaded(async () => {
    try {
      return (await get<{ schedule: ScheduleBody }>('compute', path)).schedule;
    } catch (error) {
      if (error instanceof Refusal && error.status === 404) return 'none' as const;
      throw error;
    }
  }, [server.id]);
  const [cron, setCron] = useState('30 2 * * *');
  if (value === null) return null;
  const save = async (): Promise<void> => {
    await put('compute', path, { schedule: { cron, incrementals: 6, keep: 2 } });
    again();
  };
  return (
    <section class="card" aria-labelledby="schedule-title">
      <h2 id="schedule-title">{t('schedule.title')}</h2>
      {value === 'none' ? (
        <Form action={t('schedule.set')} onSubmit={save}>
          <Field label={t('schedule.when')} hint={t('schedule.hint')}>
            <select onChange={(event) => setCron(event.currentTarget.value)} value={cron}>
              {PRESETS.map(([words, text]) => (
                <option key={text} value={text}>
                  {t(words)}
                </option>
              ))}
            </select>
          </Field>
        </Form>
      ) : (
        <div class="schedule">
          <p>
            <b class="mono">{value.cron}</b>{' '}
            <span class="muted">{t('schedule.keeps', { keep: value.keep, more: value.incrementals })}</span>
          </p>
          {value.last_problem && <p class="plan warn">{value.last_problem}</p>}
          <button
            type="button"
            onClick={() => void attempt(t('schedule.gone'), () => remove('compute', path)).then(again)}
          >
            {t('schedule.remove')}
          </button>
        </div>
      )}
    </section>
  );
}

export const Copies = ({ server }: { server: Server }) => (
  <div class="two">
    <CopyList kind="snapshots" server={server} />
    <div class="stack">
      <CopyList kind="backups" server={server} />
      <Schedule server={server} />
    </div>
  </div>
);
