// Why: an operator who comes from Nova has a nova.conf, and wants to know of each line what becomes of it.

import { messageOf } from '../../base/errors.ts';
import type { Fate, Given, Outcome } from './fate.ts';
import { fates, sectionFates } from './options.ts';
import { type NovaConf, substituted } from './parse.ts';

export type Verdict = 'taken' | 'changed' | 'ignored' | 'unknown';

/** What became of an option of nova.conf. */
export interface Line {
  /** `section.option`. */
  readonly option: string;
  readonly verdict: Verdict;
  /** Ours, where it became one or more: `compute.cpu_allocation_ratio`. */
  readonly becomes: readonly string[];
  /** Why, or how it was changed; empty: there is nothing to say. */
  readonly why: string;
}

export interface Import {
  /** By section and option of ours. */
  readonly values: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly lines: readonly Line[];
}

const isTrue = (text: string): boolean => /^(?:true|1|yes|on)$/i.test(text);

function given(conf: NovaConf, key: string): Given {
  const section = key.slice(0, key.indexOf('.'));
  const spent = { names: 0, characters: 0 };
  const values = (conf.get(key) ?? []).map((value) => substituted(conf, section, value, spent));
  const text = values.at(-1) ?? '';
  return {
    ...{ text, values, isTrue: isTrue(text) },
    list: text.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()])),
    other: (name) => {
      const raw = conf.get(name)?.at(-1);
      return raw === undefined ? null : substituted(conf, name.slice(0, name.indexOf('.')), raw, spent);
    },
  };
}

/** A section may be called as what every object has. */
const own = (of: Readonly<Record<string, Fate>>, key: string): Fate | undefined =>
  Object.hasOwn(of, key) ? of[key] : undefined;

function outcomeOf(conf: NovaConf, key: string): Outcome | null {
  const fate = own(fates, key) ?? own(sectionFates, key.slice(0, key.indexOf('.')));
  if (fate === undefined) return null;
  return typeof fate === 'string' ? { ignored: fate } : fate(given(conf, key));
}

/**
 * Our configuration of a nova.conf, and what became of each of its options. Values are not checked here but for their form: whoever loads
 * the result is told what is out of bounds.
 */
export function importNovaConf(conf: NovaConf): Import {
  const values: Record<string, Record<string, unknown>> = {};
  const lines: Line[] = [];
  for (const option of conf.keys()) {
    let outcome: Outcome | null;
    try {
      outcome = outcomeOf(conf, option);
    } catch (error) {
      outcome = { ignored: `cannot be read: ${messageOf(error)}` };
    }
    if (outcome === null) {
      lines.push({ option, verdict: 'unknown', becomes: [], why: 'has no counterpart here' });
      continue;
    }
    if ('ignored' in outcome) {
      lines.push({ option, verdict: 'ignored', becomes: [], why: outcome.ignored });
      continue;
    }
    for (const [path, value] of Object.entries(outcome.set)) {
      const [section, name] = path.split('.') as [string, string];
      values[section] = { ...values[section], [name]: value };
    }
    const verdict = outcome.changed === undefined ? 'taken' : 'changed';
    lines.push({ option, verdict, becomes: Object.keys(outcome.set), why: outcome.changed ?? '' });
  }
  return { values, lines };
}
