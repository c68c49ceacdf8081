// Why: what a request costs is spread over many layers that run in turns. A CPU profile of one run says whose each moment was: that
// of the nearest function of ours, by its file; or of the library that runs by itself.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly children?: readonly number[];
}

interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** Microseconds of the machine's monotonic clock. */
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Which layer a file of ours is (a path such as `src/db/claims.ts`), or a library (`knex`); null: not its own, ask the caller. */
export type LayerOf = (file: string) => string | null;

/** The machine's monotonic clock, in microseconds. */
export const monotonicUs = (): number => Number(process.hrtime.bigint() / 1_000n);

function fileOf({ url }: ProfileNode['callFrame']): string {
  const ours = /\/((?:dist\/)?src\/.*)$/.exec(url);
  if (ours !== null && !url.includes('/node_modules/'))
    return (ours[1] as string).replace(/^dist\//, '').replace(/\.js$/, '.ts');
  return /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? url;
}

/** Milliseconds of CPU by layer between two moments, from the only profile in a directory; the idle time is left out. */
export function layersOf(
  directory: string,
  layerOf: LayerOf,
  span: { readonly fromUs: number; readonly toUs: number },
): Map<string, number> {
  const [name] = readdirSync(directory).filter((file) => file.endsWith('.cpuprofile'));
  if (name === undefined) throw new Error(`no profile in ${directory}`);
  const profile = JSON.parse(readFileSync(join(directory, name), 'utf8')) as CpuProfile;
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const known = new Map<number, string>();
  const find = (id: number): string => {
    const node = nodes.get(id) as ProfileNode;
    const { functionName } = node.callFrame;
    if (functionName.startsWith('(') && functionName !== '(anonymous)' && functionName !== '(root)')
      return functionName;
    let at: number | undefined = id;
    for (; at !== undefined; at = parents.get(at)) {
      const layer = layerOf(fileOf((nodes.get(at) as ProfileNode).callFrame));
      if (layer !== null) return layer;
    }
    return 'Node itself';
  };
  const spent = new Map<string, number>();
  let atUs = profile.startTime;
  profile.samples.forEach((id, index) => {
    const tookUs = profile.timeDeltas[index] as number;
    atUs += tookUs;
    if (atUs < span.fromUs || atUs > span.toUs) return;
    let layer = known.get(id);
    if (layer === undefined) known.set(id, (layer = find(id)));
    if (layer !== '(idle)') spent.set(layer, (spent.get(layer) ?? 0) + tookUs / 1_000);
  });
  return spent;
}
