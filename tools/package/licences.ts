// Why: what is delivered carries the licences of all that is in it, whole.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Installed, isLicence } from './production.ts';

/** A package and the texts that go with it. */
export interface Licensed extends Installed {
  readonly texts: readonly string[];
}

/** @param folder where its licence stands, if that is not the package's own folder */
export function licensed(root: string, one: Installed, folder = one.path): Licensed {
  const names = readdirSync(join(root, folder)).filter(isLicence).sort();
  return { ...one, texts: names.map((name) => readFileSync(join(root, folder, name), 'utf8').trim()) };
}

const RULE = '-'.repeat(78);

/** THIRD-PARTY-LICENCES.txt: a list, then each text once with the packages that it is of. */
export function licencesPage(packages: readonly Licensed[]): string {
  const named = ({ name, version }: Installed): string => `${name} ${version}`;
  const ofText = new Map<string, string[]>();
  for (const one of packages) for (const text of one.texts) ofText.set(text, [...(ofText.get(text) ?? []), named(one)]);
  const without = packages.filter(({ texts }) => texts.length === 0).map((one) => `${named(one)}: ${one.licence}`);
  return [
    'What is delivered with xloud-compute, and under which licence.\n',
    ...packages.map((one) => `${named(one)}: ${one.licence}`),
    ...(without.length === 0 ? [] : ['\nOf these the packages name the licence and carry no text:\n', ...without]),
    ...[...ofText].map(([text, names]) => `\n${RULE}\n${[...new Set(names)].join('\n')}\n${RULE}\n\n${text}`),
    '',
  ].join('\n');
}
