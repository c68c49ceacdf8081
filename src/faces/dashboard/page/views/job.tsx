// Why: while many servers are worked on one sees how far it is, and afterwards what was refused and why.

import { forgetJob, job } from '../lib/jobs.ts';
import { whole } from '../lib/format.ts';
import { t } from '../lib/words.ts';
import { Icon } from '../parts/icons.tsx';

export function JobProgress() {
  const now = job.value;
  if (now === null) return null;
  const words = t('job.progress', { done: whole(now.done), all: whole(now.all) });
  return (
    <section class="job" aria-label={now.title}>
      <div class="job-head">
        <b>{now.title}</b>
        <span role="status">{words}</span>
        <span class="spring" />
        <button type="button" class="quiet square" aria-label={t('dismiss')} onClick={forgetJob}>
          <Icon name="close" />
        </button>
      </div>
      <progress value={now.done} max={now.all} aria-label={words} />
      {now.refused.length > 0 && (
        <ul class="job-refused">
          {now.refused.slice(0, 20).map(({ name, why }) => (
            <li key={name}>
              <b>{name}</b> {why}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
