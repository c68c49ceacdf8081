// One noun has one file name at every layer, so that nobody searches: who knows `keypairs` of one layer has found it in all others.
// Two files of different layers that are called nearly alike (singular and plural, with and without `server`) are a noun with two
// names, unless it is said here why they are two nouns.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';

const ROOT = join(import.meta.dirname, '..', '..');
const LAYERS = {
  domain: 'src/domain',
  policies: 'src/policies',
  db: 'src/db',
  ops: 'src/ops',
  api: 'src/api/compute',
} as const;
type Layer = keyof typeof LAYERS;

/** Names that are nearly alike and mean different things. */
const two: Readonly<Record<string, string>> = {
  'action actions instance-actions':
    'what an action is, the list of them, and the record of those that were asked for (Nova)',
  'host-servers hosts': 'the servers of a host, and the host',
  'list server-list': 'the wire form of GET /servers, and its queries',
  'migrations servers-migrations': 'all migrations, and those of one server: two resources of Nova',
  'server-snapshots snapshot': 'copies of a server kept beside it, and the image that is made of one (Nova)',
  'server-volumes volumes': 'which volumes a server has, and the volumes of the volume service',
  'server-sizes size': 'what a server had when, and a pair of vCPUs and memory',
};

/** Names that two layers share and that mean different things. */
const homonyms: Readonly<Record<string, string>> = {
  engine: 'of SQL in db, of rules in policies',
  index: 'what a folder shows',
};

const namesOf = (folder: string): string[] =>
  execFileSync('git', ['ls-files', '--', folder], { cwd: ROOT, encoding: 'utf8' })
    .split('\n')
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .map((file) => basename(file, '.ts'));

/** By their name, the layers that have a file of it. */
const layersOf = (): Map<string, Set<Layer>> => {
  const found = new Map<string, Set<Layer>>();
  for (const [layer, folder] of Object.entries(LAYERS)) {
    for (const name of namesOf(folder)) found.set(name, (found.get(name) ?? new Set()).add(layer as Layer));
  }
  return found;
};

const MEANS_A_SERVER = new Set(['server', 'instance', 'xloud', 'os']);

/** What two spellings of one noun have in common. */
function nounOf(name: string): string {
  const words = name.split('-').map((word) => word.replace(/ies$/, 'y').replace(/(?<=[a-z]{2})s$/, ''));
  const rest = words.filter((word) => !MEANS_A_SERVER.has(word));
  return (rest.length === 0 ? words : rest).toSorted().join(' ');
}

describe('names', () => {
  const layers = layersOf();

  it('are the same at every layer', () => {
    const spellings = Map.groupBy(layers.keys(), nounOf).values();
    const several = spellings.filter((names) => names.length > 1).map((names) => names.toSorted().join(' '));
    assert.deepEqual([...several].toSorted(), Object.keys(two).toSorted());
  });

  it('are shared by most nouns that more than one layer knows', () => {
    const shared = layers.entries().filter(([name, of]) => of.size > 1 && homonyms[name] === undefined);
    const counted = [...shared];
    console.log(
      `names: ${counted.length} nouns have one file name at ${counted.flatMap(([, of]) => [...of]).length} places`,
    );
    assert.ok(counted.length >= 70, `${counted.length}`);
  });

  it('of homonyms are known', () => {
    for (const name of Object.keys(homonyms)) assert.ok((layers.get(name)?.size ?? 0) > 1, `${name} is none any more`);
  });

  it('that differ would be found', () => {
    assert.equal(nounOf('pause-server'), nounOf('pause'));
    assert.equal(nounOf('flavor'), nounOf('flavors'));
    assert.equal(nounOf('plan-adjust'), nounOf('adjust-plan'));
    assert.notEqual(nounOf('servers'), nounOf('pause'));
  });
});
