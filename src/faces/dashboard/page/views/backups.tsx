// Why: backups outlive their servers; here are all of the project, and each can become a new server.

import { useEffect, useState } from 'preact/hooks';
import { get, post, remove } from '../lib/api.ts';
import { ago, bytes, disk, memory, moment, whole } from '../lib/format.ts';
import { type Choice, choicesOf } from '../lib/launch.ts';
import { useLoaded } from '../lib/load.ts';
import { attempt, say } from '../lib/notices.ts';
import { go, hrefOf } from '../lib/route.ts';
import { refresh, servers } from '../lib/servers.ts';
import type { Copy, Flavor } from '../lib/types.ts';
import { t } from '../lib/words.ts';
import { Confirm, Dialog, Field, Form } from '../parts/dialog.tsx';
import { Icon } from '../parts/icons.tsx';
import { Menu } from '../parts/menu.tsx';
import { CopyStatus, copyWords } from './copies.tsx';

const PATH = '/os-xloud-backups';
const LOOK_MS = 3_000;

/** The flavors whose disk holds what was backed up. */
async function readChoices({ disk_bytes: size }: Copy): Promise<readonly Choice[]> {
  const { flavors } = await get<{ flavors: readonly Flavor[] }>('compute', '/flavors/detail');
  return choicesOf(flavors, []).filter(({ diskGb }) => diskGb * 1024 ** 3 >= (size ?? 0));
}

function NewServer({ backup, onClose }: { backup: Copy; onClose: () => void }) {
  const { value, error } = useLoaded(() => readChoices(backup), [backup.id]);
  const [name, setName] = useState('');
  const [flavorId, setFlavorId] = useState('');
  const chosen = flavorId === '' ? (value?.[0]?.id ?? '') : flavorId;
  return (
    <Dialog title={t('backups.server.title', { name: backup.name })} onClose={onClose}>
      {error !== null && <p class="plan bad">{error}</p>}
      <Form
        action={t('backups.server.action')}
        disabled={name.trim() === '' || chosen === ''}
        onCancel={onClose}
        onSubmit={async () => {
          const body = { server: { name: name.trim(), flavorRef: chosen, networks: 'auto' } };
          const { server } = await post<{ server: { id: string } }>('compute', `${PATH}/${backup.id}/restore`, body);
          say(t('launch.asked', { name: name.trim() }));
          void refresh();
          go('servers', server.id);
        }}
      >
        <Field label={t('name')}>
          <input required maxLength={255} value={name} onInput={(event) => setName(event.currentTarget.value)} />
        </Field>
        <Field label={t('facts.plan')}>
          <select value={chosen} onChange={(event) => setFlavorId(event.currentTarget.value)}>
            {(value ?? []).map((choice) => (
              <option key={choice.id} value={choice.id}>
                {choice.name}: {t('size.n-vcpus', { count: whole(choice.vcpus) })}, {memory(choice.memoryMb)},{' '}
                {disk(choice.diskGb)}
              </option>
            ))}
          </select>
        </Field>
      </Form>
    </Dialog>
  );
}

function BackupRow({ backup, onChanged }: { backup: Copy; onChanged: () => void }) {
  const [asked, setAsked] = useState<'server' | 'delete' | null>(null);
  const server = servers.value.get(backup.server_id);
  const isThere = backup.status === 'available';
  const verify = (): void => {
    void attempt(t('copy.verifying'), () => post('compute', `${PATH}/${backup.id}/verify`, undefined)).then(onChanged);
  };
  return (
    <tr>
      <td>
        <b>{backup.name}</b>
        {backup.reason !== null && <p class="copy-reason">{backup.reason}</p>}
      </td>
      <td>
        {server === undefined ? (
          <span class="muted">{t('backups.gone')}</span>
        ) : (
          <a href={hrefOf('servers', server.id)}>{server.name}</a>
        )}
      </td>
      <td title={moment(backup.created_at)}>{ago(backup.created_at)}</td>
      <td class="muted">{copyWords(backup)}</td>
      <td class="number">{backup.file_bytes === null ? '–' : bytes(backup.file_bytes)}</td>
      <td>
        <CopyStatus copy={backup} />
      </td>
      <td class="number">
        <Menu
          label={t('copy.menu', { name: backup.name })}
          items={[
            ...(isThere
              ? [
                  { label: t('backups.server'), icon: 'plus' as const, run: () => setAsked('server') },
                  { label: t('copy.verify'), icon: 'check' as const, run: verify },
                ]
              : []),
            { label: t('act.delete'), icon: 'trash' as const, danger: true, run: () => setAsked('delete') },
          ]}
        />
        {asked === 'server' && <NewServer backup={backup} onClose={() => setAsked(null)} />}
        {asked === 'delete' && (
          <Confirm
            title={t('copy.delete.title', { name: backup.name })}
            text={t('copy.delete.text')}
            action={t('act.delete')}
            onClose={() => setAsked(null)}
            onConfirm={async () => {
              await remove('compute', `${PATH}/${backup.id}`);
              onChanged();
            }}
          />
        )}
      </td>
    </tr>
  );
}

const Table = ({ backups, onChanged }: { backups: readonly Copy[]; onChanged: () => void }) => (
  <section class="card wide-table" tabIndex={0} aria-label={t('nav.backups')}>
    <table class="plain">
      <thead>
        <tr>
          <th scope="col">{t('name')}</th>
          <th scope="col">{t('backups.of')}</th>
          <th scope="col">{t('facts.created')}</th>
          <th scope="col">{t('costs.kind')}</th>
          <th scope="col" class="number">
            {t('size.title')}
          </th>
          <th scope="col">{t('column.state')}</th>
          <th scope="col">
            <span class="sr">{t('column.actions')}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {backups.map((backup) => (
          <BackupRow key={backup.id} backup={backup} onChanged={onChanged} />
        ))}
      </tbody>
    </table>
  </section>
);

export function Backups() {
  const { value, error, again } = useLoaded(
    () => get<{ backups: readonly Copy[] }>('compute', `${PATH}?limit=500`),
    [servers.value],
  );
  const isMoving = (value?.backups ?? []).some(({ status, verifying }) => verifying || status === 'creating');
  useEffect(() => {
    if (!isMoving) return;
    const timer = setInterval(again, LOOK_MS);
    return () => clearInterval(timer);
  }, [isMoving]);
  return (
    <>
      <header class="head">
        <h1>{t('nav.backups')}</h1>
      </header>
      {error !== null && <p class="plan bad">{error}</p>}
      {value !== null && value.backups.length > 0 && <Table backups={value.backups} onChanged={again} />}
      {value?.backups.length === 0 && (
        <div class="empty">
          <Icon name="camera" />
          <h2>{t('backups.none')}</h2>
          <p class="muted">{t('backups.lead')}</p>
        </div>
      )}
    </>
  );
}
