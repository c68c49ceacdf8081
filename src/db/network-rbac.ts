// Why: which projects may use a network of another one, and as what.

import { newUuid } from '../base/ids.ts';
import type { Reader, Row } from './engine.ts';
import type { StoredNetwork } from './networks.ts';
import { defineNoun } from './table.ts';
import type { Tx } from './tx.ts';

export type AccessAction = 'access_as_shared' | 'access_as_external';

/** Every project. */
export const EVERYBODY = '*';

export interface NetworkAccess {
  readonly id: string;
  /** Whose the network is. */
  readonly projectId: string;
  readonly objectId: string;
  readonly action: AccessAction;
  readonly targetProject: string;
  readonly createdAt: number;
}

export const networkAccessNoun = defineNoun<NetworkAccess>({
  table: 'network_rbac',
  columns: {
    id: ['id', 'text'],
    projectId: ['project_id', 'text'],
    objectId: ['object_id', 'text'],
    action: ['action', 'text'],
    targetProject: ['target_project', 'text'],
    createdAt: ['created_at', 'time'],
  },
});
const TABLE = networkAccessNoun.table;

type Met = Pick<StoredNetwork, 'id' | 'projectId' | 'shared' | 'external'>;

/** Of these it need not be known whether they are the way outside of a project alone. */
export const isShared = ({ shared }: Met): boolean => shared;

/**
 * Networks as a project meets them: shared or external where they are for all, or for this project. Nothing more is asked of its own ones.
 * @param isKnown of which others enough is known as they are; by default of those that are both
 */
export async function asMetBy<T extends Met>(
  reader: Reader,
  projectId: string | null,
  networks: readonly T[],
  isKnown: (network: T) => boolean = ({ shared, external }) => shared && external,
): Promise<readonly T[]> {
  const asked = networks.filter((network) => network.projectId !== projectId && !isKnown(network));
  if (projectId === null || asked.length === 0) return networks;
  const rows: Row[] = await reader(TABLE)
    .select('object_id', 'action')
    .where('target_project', projectId)
    .whereIn(
      'object_id',
      asked.map(({ id }) => id),
    );
  if (rows.length === 0) return networks;
  const given = new Set(rows.map((row) => `${String(row['object_id'])} ${String(row['action'])}`));
  return networks.map((network) => ({
    ...network,
    shared: network.shared || given.has(`${network.id} access_as_shared`),
    external: network.external || given.has(`${network.id} access_as_external`),
  }));
}

/** The projects that a network is given to one by one. */
export async function projectsGiven(reader: Reader, networkId: string, action: AccessAction): Promise<Set<string>> {
  const rows: Row[] = await reader(TABLE)
    .select('target_project')
    .where({ object_id: networkId, action })
    .whereNot('target_project', EVERYBODY);
  return new Set(rows.map((row) => String(row['target_project'])));
}

/** Has the rows for everybody say what the network's own columns say. */
export async function keepWildcards(tx: Tx, network: StoredNetwork, now: number): Promise<void> {
  for (const [action, isGiven] of [
    ['access_as_shared', network.shared],
    ['access_as_external', network.external],
  ] as const) {
    const key = { object_id: network.id, action, target_project: EVERYBODY };
    if (isGiven)
      await tx(TABLE)
        .insert({ ...key, id: newUuid(), project_id: network.projectId, created_at: now })
        .onConflict(Object.keys(key))
        .ignore();
    else await tx(TABLE).where(key).delete();
  }
}
