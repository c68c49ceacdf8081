// Why: `docs/extra-specs.md` is derived: what becomes of every extra spec of a flavor and every property of an image that Nova knows.

import { extraSpecFates } from '../domain/machines/extra-specs.ts';
import type { Fate } from '../domain/machines/fate.ts';
import { imageProperties, olderNames } from '../domain/machines/image-properties.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|');

const rowOf = (name: string, more: readonly string[], { kind, how }: Fate): string =>
  `| ${[`\`${name}\``, ...more, `**${kind}**${kind === 'ignored' ? ', ' : ': '}${how}`].map(cell).join(' | ')} |`;

/** The older names of each property. */
const aliases = Map.groupBy(Object.entries(olderNames), ([, name]) => name);

/** The whole page. */
export const extraSpecsPage = (): string =>
  [
    '# Extra specs and image properties',
    '',
    'What becomes of each that Nova knows, and of our own (`make docs` reads it off the program). *done*: the guest has it, by the element of',
    "libvirt's domain that is named. *refused*: a request with it is refused, with the reason; nothing is accepted and dropped.",
    '*ignored*: it has no effect, and says why that is right. Unknown keys in these namespaces are a 400 from',
    "microversion 2.86 on; keys in other namespaces, and others without one, are for the scheduler's filters alone.",
    '',
    'A property that holds what it may not is a 400 `Invalid image metadata. Error: …` at create, rebuild, rescue and resize.',
    'Limits of a flavor (`quota:…`) hold for every disk and every interface of the server by itself.',
    '',
    '## Extra specs of flavors',
    '',
    '| extra spec | what becomes of it |',
    '|---|---|',
    ...extraSpecFates.map(({ name, fate }) => rowOf(name, [], fate)),
    '',
    '## Properties of images',
    '',
    '| property | older name | values | what becomes of it |',
    '|---|---|---|---|',
    ...Object.entries(imageProperties).map(([name, { type, fate }]) =>
      rowOf(name, [(aliases.get(name) ?? []).map(([older]) => `\`${older}\``).join(', '), type.words], fate),
    ),
    '',
  ].join('\n');
