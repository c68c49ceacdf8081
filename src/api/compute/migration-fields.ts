// Why: a move shows itself in two places, in a list of all and under its server; where they say the same they say it alike.

import { isoMicros } from '../../base/clock.ts';
import type { ServerMigration } from '../../domain/servers/migrations.ts';
import type { CallUrl } from '../resource.ts';
import type { Field } from '../view.ts';

export interface MigrationView {
  readonly url: CallUrl;
  /** Whether hosts are shown; else null stands in their place. */
  readonly hosts: boolean;
}

export type MigrationField = Field<ServerMigration, MigrationView>;

const ofHost =
  (field: (move: ServerMigration) => string | null): MigrationField =>
  (move, { hosts }) =>
    hosts ? field(move) : null;

/** At every version. */
export const migrationFields: Readonly<Record<string, MigrationField>> = {
  id: (move) => move.id,
  status: (move) => move.status,
  source_compute: ofHost((move) => move.sourceCompute),
  source_node: ofHost((move) => move.sourceNode),
  dest_compute: ofHost((move) => move.destCompute),
  dest_node: ofHost((move) => move.destNode),
  dest_host: ofHost((move) => move.destHost),
  created_at: (move) => isoMicros(move.createdAt),
  updated_at: (move) => isoMicros(move.updatedAt),
};

/** What later versions add. */
export const migrationChanges: readonly {
  readonly at: string;
  readonly add: Readonly<Record<string, MigrationField>>;
}[] = [
  { at: '2.59', add: { uuid: (move) => move.uuid } },
  { at: '2.80', add: { user_id: (move) => move.userId, project_id: (move) => move.projectId } },
];
