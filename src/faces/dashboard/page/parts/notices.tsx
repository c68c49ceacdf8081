// Why: a corner of the page where what was done and what was refused is said, also to screen readers.

import { t } from '../lib/words.ts';
import { dismiss, notices } from '../lib/notices.ts';
import { Icon } from './icons.tsx';

export const Notices = () => (
  <div class="notices" role="status" aria-live="polite">
    {notices.value.map(({ id, kind, text }) => (
      <div key={id} class={`notice ${kind}`}>
        <Icon name={kind === 'done' ? 'check' : 'warning'} />
        <span>{text}</span>
        <button type="button" class="quiet square" aria-label={t('dismiss')} onClick={() => dismiss(id)}>
          <Icon name="close" />
        </button>
      </div>
    ))}
  </div>
);
