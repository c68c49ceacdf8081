// Why: everything that was done with a server, by whom and how it went, newest first; each opens to its steps.

import { useEffect, useState } from 'preact/hooks';
import { get } from '../lib/api.ts';
import { ago, dateOf, moment, whole } from '../lib/format.ts';
import { useLoaded } from '../lib/load.ts';
import { onNews } from '../lib/live.ts';
import type { ActionRecord, Server } from '../lib/types.ts';
import { t } from '../lib/words.ts';

const lasted = (from: string | null, to: string | null | undefined): string => {
  if (from === null || to == null) return '';
  const ms = dateOf(to).getTime() - dateOf(from).getTime();
  return ms < 1000 ? `${whole(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
};

function Steps({ server, requestId }: { server: Server; requestId: string }) {
  const { value, error } = useLoaded(
    () => get<{ instanceAction: ActionRecord }>('compute', `/servers/${server.id}/os-instance-actions/${requestId}`),
    [server.id, requestId, server.updated],
  );
  if (error !== null) return <p class="plan bad">{error}</p>;
  const events = [...(value?.instanceAction.events ?? [])].reverse();
  return (
    <ol class="events">
      {events.map((event) => (
        <li key={`${event.event}${event.start_time}`} class={event.result === 'Error' ? 'bad' : ''}>
          <span class="mono">{event.event}</span>
          <span class="muted">
            {event.result ?? t('history.running')} {lasted(event.start_time, event.finish_time)}
          </span>
          {event.details && <p>{event.details}</p>}
        </li>
      ))}
      {value !== null && events.length === 0 && <li class="muted">{t('history.no-steps')}</li>}
    </ol>
  );
}

interface EntryProps {
  readonly server: Server;
  readonly record: ActionRecord;
  readonly isUnderWay: boolean;
}

function Entry({ server, record, isUnderWay }: EntryProps) {
  const [open, setOpen] = useState(false);
  const id = `steps-${record.request_id}`;
  return (
    <li class={`entry ${isUnderWay ? 'busy' : record.message === null ? '' : 'bad'}`}>
      <button type="button" class="entry-head" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
        <b>{record.action.replaceAll('_', ' ')}</b>
        <time dateTime={record.start_time} title={moment(record.start_time)} class="muted">
          {ago(record.start_time)}
        </time>
        <span class="muted">{isUnderWay ? t('history.running') : lasted(record.start_time, record.updated_at)}</span>
      </button>
      {record.message !== null && <p class="entry-message">{record.message}</p>}
      <div id={id}>{open && <Steps server={server} requestId={record.request_id} />}</div>
    </li>
  );
}

export function Timeline({ server }: { server: Server }) {
  const { value, error, again } = useLoaded(
    () => get<{ instanceActions: readonly ActionRecord[] }>('compute', `/servers/${server.id}/os-instance-actions`),
    [server.id, server.updated],
  );
  useEffect(() => onNews(({ ids, more }) => (more || ids.includes(server.id)) && again()), [server.id]);
  return (
    <section class="card" aria-labelledby="history-title">
      <h2 id="history-title">{t('history.title')}</h2>
      {error !== null && <p class="plan bad">{error}</p>}
      <ol class="timeline">
        {(value?.instanceActions ?? []).map((record, at) => (
          <Entry
            key={record.request_id}
            server={server}
            record={record}
            isUnderWay={at === 0 && server['OS-EXT-STS:task_state'] !== null}
          />
        ))}
      </ol>
    </section>
  );
}
