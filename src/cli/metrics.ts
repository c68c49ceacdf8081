// Why: `xloud metrics server` and `host`: what is taken now, as one line for each thing, for people who look at one server or one host.

import { table } from '../base/table.ts';
import type { Session } from '../client/session.ts';

type Tree = { readonly [key: string]: unknown };

/** A tree as lines: `disk read_bytes  4096`. */
function lines(tree: Tree, path = ''): [string, string][] {
  return Object.entries(tree).flatMap(([key, value]): [string, string][] => {
    const name = path === '' ? key : `${path} ${key}`;
    if (Array.isArray(value)) return value.flatMap((item: Tree, index) => lines(item, `${name} ${index}`));
    if (typeof value === 'object' && value !== null) return lines(value as Tree, name);
    return [[name, value === null ? '-' : String(value as string | number)]];
  });
}

/** @param kind whose: a server's by its id, or a host's by its name */
export async function showMetrics(session: Session, kind: 'server' | 'host', name: string): Promise<string> {
  const id = encodeURIComponent(name);
  const path = kind === 'server' ? `/servers/${id}/os-xloud-metrics` : `/os-xloud-host-metrics/${id}`;
  return table(lines((await session.compute('GET', path)) as Tree), [0]);
}
