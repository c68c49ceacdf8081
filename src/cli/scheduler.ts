// Why: `xloud scheduler explain`: the scheduler's reasons as a table, one host a line, the best first.

import { badRequest } from '../base/errors.ts';
import { table } from '../base/table.ts';
import type { Session } from '../client/session.ts';

export interface ExplainOptions {
  readonly flavor: string;
  readonly image?: string;
  readonly zone?: string;
  readonly project?: string;
  /** `key=value`, each as often as it has values. */
  readonly hint: readonly string[];
  readonly format: 'table' | 'json';
}

interface Explained {
  readonly host: string;
  readonly availability_zone: string;
  readonly refusals: readonly { readonly filter: string; readonly reason: string }[];
  readonly score: number | null;
  readonly weights: readonly { readonly weigher: string; readonly points: number }[];
}

export interface Explanation {
  readonly minimum: { readonly vcpus: number; readonly memory_mb: number };
  readonly maximum: { readonly vcpus: number; readonly memory_mb: number };
  readonly disk_gb: number;
  readonly hosts: readonly Explained[];
}

/** Hints as the API has them; one that is given more than once is a list. */
export function hintsOf(words: readonly string[]): Record<string, string | string[]> {
  const hints: Record<string, string | string[]> = {};
  for (const word of words) {
    const [, key, value] = /^([^=]+)=(.*)$/s.exec(word) ?? [];
    if (key === undefined || value === undefined) throw badRequest(`--hint ${word}: not of the form key=value`);
    const before = hints[key];
    hints[key] = before === undefined ? value : [before, value].flat();
  }
  return hints;
}

const points = (value: number | null): string => (value === null ? '-' : value.toFixed(2));

/** One host a line: score, what each weigher adds, and every reason against it. */
export function explanationTable({ minimum, maximum, disk_gb, hosts }: Explanation): string {
  const weighers = [...new Set(hosts.flatMap(({ weights }) => weights.map(({ weigher }) => weigher)))];
  const rows = hosts.map(({ host, availability_zone, score, weights, refusals }) => [
    host,
    availability_zone,
    points(score),
    ...weighers.map((name) => points(weights.find(({ weigher }) => weigher === name)?.points ?? null)),
    refusals.map(({ filter, reason }) => `${filter}: ${reason}`).join('; '),
  ]);
  const able = hosts.filter(({ score }) => score !== null).length;
  const asked =
    `${minimum.vcpus} vCPUs and ${minimum.memory_mb} MiB, up to ${maximum.vcpus} and ${maximum.memory_mb} MiB, ` +
    `with ${disk_gb} GiB of disk: ${able} of ${hosts.length} hosts take it.`;
  if (hosts.length === 0) return asked;
  const heads = ['host', 'zone', 'score', ...weighers.map((name) => name.replace(/Weigher$/, '')), 'why not'];
  return `${asked}\n\n${table([heads, ...rows], [0, 1, heads.length - 1])}`;
}

/** Asks the service, and gives what is to be printed. */
export async function explain(session: Session, options: ExplainOptions): Promise<string> {
  const answer = await session.compute('POST', '/os-xloud-scheduler/explain', {
    flavor_id: options.flavor,
    image_id: options.image,
    availability_zone: options.zone,
    project_id: options.project,
    scheduler_hints: hintsOf(options.hint),
  });
  return options.format === 'json' ? JSON.stringify(answer, null, 2) : explanationTable(answer as Explanation);
}
