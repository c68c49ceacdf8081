// Why: sentences are looked up by key, in the language of the page; a key that is not there does not compile.

import { english } from './english.ts';

export type Key = keyof typeof english;
type Table = Readonly<Record<Key, string>>;

/** A language is one more entry. */
const languages: Readonly<Record<string, Table>> = { en: english };

const choose = (): string => {
  const wanted = navigator.languages.map((tag) => tag.split('-')[0] ?? '');
  return wanted.find((tag) => Object.hasOwn(languages, tag)) ?? 'en';
};

/** The language that the page is written in, for its `lang`. */
export const LANGUAGE = choose();

const table: Table = languages[LANGUAGE] ?? english;

const filled = (sentence: string, values: Readonly<Record<string, string | number>>): string =>
  sentence.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));

/** A sentence, with what stands in its braces. */
export const t = (key: Key, values: Readonly<Record<string, string | number>> = {}): string =>
  filled(table[key], values);

/** The sentence of a key that may not be there, for words of the service: states that are new. */
export const tryKey = (key: string): string | null => (Object.hasOwn(table, key) ? table[key as Key] : null);
