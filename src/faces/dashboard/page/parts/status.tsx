// Why: a state is a word and a colour, the same everywhere; the colour never says more than the word.

import { t, tryKey } from '../lib/words.ts';
import type { Server } from '../lib/types.ts';

type Tone = 'ok' | 'off' | 'busy' | 'bad' | 'warn';

const TONES: Readonly<Record<string, Tone>> = {
  ACTIVE: 'ok',
  SHUTOFF: 'off',
  PAUSED: 'warn',
  SUSPENDED: 'off',
  SHELVED: 'off',
  SHELVED_OFFLOADED: 'off',
  ERROR: 'bad',
  BUILD: 'busy',
  RESCUE: 'warn',
  VERIFY_RESIZE: 'warn',
};

/** A word for a status; one that is not known is shown as the service says it. */
export const statusWord = (status: string): string => tryKey(`status.${status}`) ?? status.toLowerCase();

export const toneOf = ({ status, 'OS-EXT-STS:task_state': task }: Server): Tone =>
  task !== null ? 'busy' : (TONES[status] ?? 'busy');

export function Status({ server }: { server: Server }) {
  const task = server['OS-EXT-STS:task_state'];
  return (
    <span class={`status ${toneOf(server)}`}>
      <i aria-hidden="true" />
      {task === null ? statusWord(server.status) : t('status.task', { task: task.replaceAll('_', ' ') })}
    </span>
  );
}

export const Pill = ({ tone, text }: { tone: Tone; text: string }) => (
  <span class={`status ${tone}`}>
    <i aria-hidden="true" />
    {text}
  </span>
);
