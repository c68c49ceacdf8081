// Why: where one is stands in the address, so that it can be kept, sent and gone back to.

import { computed, signal } from '@preact/signals';

const read = (): string => decodeURI(location.hash.replace(/^#/, '')) || '/servers';

const safe = (): string => {
  try {
    return read();
  } catch {
    return '/servers';
  }
};

export const path = signal(safe());

addEventListener('hashchange', () => {
  path.value = safe();
});

/** `/servers/ID/console`: what is between the slashes. */
export const parts = computed(() => path.value.split('?')[0]?.split('/').filter(Boolean) ?? []);

export const hrefOf = (...words: readonly string[]): string => `#/${words.map(encodeURIComponent).join('/')}`;

export function go(...words: readonly string[]): void {
  location.hash = hrefOf(...words).slice(1);
}
