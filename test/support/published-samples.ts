// Why: Nova publishes a sample of each request and answer. Here they are read, each answer with the request that belongs to it, and
// answers are compared key by key.

import { dirname } from 'node:path';
import { minorOf } from '../../src/base/history.ts';
import { readNova } from './nova.ts';

export interface Sample {
  /** As Nova names it: `os-keypairs/v2.10/keypairs-post-req.json` */
  readonly file: string;
  /** `POST /flavors/{id}/action#addTenantAccess` */
  readonly endpoint: string;
  readonly side: 'request' | 'response';
  readonly microversion: string;
  /** Of the answer, where Nova says it. */
  readonly status?: number;
  readonly expect?: 'gone' | 'rejected';
  readonly why?: string;
  readonly content?: unknown;
  /** Instead of `content`: the file that says the same. */
  readonly sameAs?: string;
}

let published: readonly Sample[] | undefined;

export const readSamples = (): readonly Sample[] =>
  (published ??= readNova<{ samples: readonly Sample[] }>('samples.json').samples);

const byFile = new Map<string, Sample>();

/** What a file says. Throws where Nova published no such file. */
// oxlint-disable-next-line typescript/no-explicit-any -- whatever Nova published
export function contentOfFile(file: string): any {
  if (byFile.size === 0) for (const sample of readSamples()) byFile.set(sample.file, sample);
  const sample = byFile.get(file);
  if (sample === undefined) throw new Error(`Nova published no ${file}`);
  return structuredClone(sample.sameAs === undefined ? sample.content : byFile.get(sample.sameAs)?.content);
}

// oxlint-disable-next-line typescript/no-explicit-any -- whatever Nova published
export const contentOf = ({ file }: Sample): any => contentOfFile(file);

const family = (sample: Sample): string => sample.file.split('/', 1)[0] as string;

/** `server-create-req-v237` and `server-create-resp` begin alike. */
function likeness(a: Sample, b: Sample): number {
  const [left, right] = [a, b].map(({ file }) => file.slice(dirname(file).length + 1)) as [string, string];
  let length = 0;
  while (length < left.length && left[length] === right[length]) length += 1;
  return length;
}

const newestFirst = (a: Sample, b: Sample): number => minorOf(b.microversion) - minorOf(a.microversion);

/** The requests to an endpoint that were published for a version or an earlier one. */
const requestsUpTo = (endpoint: string, minor: number, samples: readonly Sample[]): readonly Sample[] =>
  samples.filter((one) => one.side === 'request' && one.endpoint === endpoint && minorOf(one.microversion) <= minor);

/** The request whose answer a sample is: of the same family and endpoint, of the newest version up to the answer's. */
export const requestOf = (answer: Sample, samples: readonly Sample[]): Sample | undefined =>
  requestsUpTo(answer.endpoint, minorOf(answer.microversion), samples)
    .filter((one) => family(one) === family(answer) && one.expect === answer.expect)
    .toSorted((a, b) => newestFirst(a, b) || likeness(b, answer) - likeness(a, answer))[0];

/** A request to an endpoint that is right at a version. */
export const requestAt = (endpoint: string, minor: number, samples: readonly Sample[]): Sample | undefined =>
  requestsUpTo(endpoint, minor, samples)
    .filter(({ expect }) => expect === undefined)
    .toSorted(newestFirst)[0];

/** Below these keys stand names that users chose, or (`cpu_info`) what each hypervisor says in its own words. */
const ANYBODYS = new Set(['metadata', 'extra_specs', 'properties', 'scheduler_hints', 'cpu_info']);
/** Lists that stay empty where no volume is attached to anything. */
const EMPTY_HERE = new Set(['os-extended-volumes:volumes_attached', 'volumeAttachments', 'snapshots']);
/** Below these keys stand things by names that users chose, so many levels deep. */
const BY_NAME: Readonly<Record<string, number>> = { addresses: 1, hosts: 2 };

type Json = unknown;
const isObject = (value: Json): value is Readonly<Record<string, Json>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** All that the entries of a list have between them. */
function merged(list: readonly Json[]): Json {
  const known = list.filter((value) => value !== null && value !== undefined);
  if (known.length > 0 && known.every(Array.isArray)) return known.flat();
  if (known.length === 0 || !known.every(isObject)) return known[0];
  const keys = [...new Set(known.flatMap((entry) => Object.keys(entry)))];
  return Object.fromEntries(keys.map((key) => [key, merged(known.map((entry) => entry[key])) ?? null]));
}

/** Where the keys of an answer differ from those of a sample: one sentence for each. Values do not count. */
export function keyDifferences(sample: Json, answer: Json, path = ''): string[] {
  if (Array.isArray(sample)) {
    if (!Array.isArray(answer)) return [`${path} is no list`];
    if (sample.length === 0 || (answer.length === 0 && EMPTY_HERE.has(path.split('.').at(-1) as string))) return [];
    return answer.length === 0 ? [`${path} is empty`] : keyDifferences(merged(sample), merged(answer), `${path}[]`);
  }
  if (!isObject(sample)) return [];
  if (!isObject(answer)) return [`${path} is no object`];
  const name = path.split('.').at(-1) as string;
  if (ANYBODYS.has(name)) return [];
  const depth = BY_NAME[name] ?? 0;
  if (depth > 0) {
    const [theirs, ours] = [sample, answer].map((value) => {
      let inner: Json[] = [value];
      for (let level = 0; level < depth; level += 1)
        inner = inner.flatMap((one) => (isObject(one) ? Object.values(one) : []));
      return merged(inner);
    });
    return keyDifferences(theirs, ours, `${path}${'.*'.repeat(depth)}`);
  }
  const missing = Object.keys(sample).filter((key) => !Object.hasOwn(answer, key));
  const beyond = Object.keys(answer).filter((key) => !Object.hasOwn(sample, key));
  return [
    ...missing.map((key) => `${path}.${key} is missing`),
    ...beyond.map((key) => `${path}.${key} is too much`),
    ...Object.keys(sample)
      .filter((key) => Object.hasOwn(answer, key))
      .flatMap((key) => keyDifferences(sample[key], answer[key], `${path}.${key}`)),
  ];
}
