// Why: what is next for a server whose host is emptied follows from its status alone, so that a drain which was cut off goes on from
// what it finds.

/** What of a server of the compute API decides. */
export interface DrainedServer {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly 'OS-EXT-STS:task_state': string | null;
}

export type NextMove =
  /** The action of the compute API that takes it off its host, and what people call that. */
  | { readonly action: Readonly<Record<string, unknown>>; readonly label: string }
  /** What is under way must end first. */
  | { readonly label: 'wait' }
  /** Nothing takes it off. */
  | { readonly stuck: string };

const live = { label: 'live-migrate', action: { 'os-migrateLive': { host: null, block_migration: 'auto' } } };

const byStatus: Readonly<Record<string, NextMove>> = {
  ACTIVE: live,
  PAUSED: live,
  SHUTOFF: { label: 'migrate', action: { migrate: null } },
  SHELVED: { label: 'offload', action: { shelveOffload: null } },
  VERIFY_RESIZE: { stuck: 'its resize waits to be confirmed or reverted' },
  SOFT_DELETED: { stuck: 'it is deleted and may be restored' },
};

/** What is next for a server that is on a host which shall be empty. */
export function nextMove({ status, 'OS-EXT-STS:task_state': task }: DrainedServer): NextMove {
  if (task !== null) return { label: 'wait' };
  return byStatus[status] ?? { stuck: `a server that is ${status} cannot be moved` };
}

export interface DrainCounts {
  readonly moved: number;
  readonly moving: number;
  readonly waiting: number;
  /** Servers that stay, as `progressLine` calls them. */
  readonly left: number;
}

/** `3 of 8 moved, 2 moving, 3 waiting` */
export function progressLine(counts: DrainCounts): string {
  const { moved, moving, waiting, left } = counts;
  const parts = (['moving', 'waiting', 'left'] as const).filter((part) => counts[part] > 0);
  return [
    `${moved} of ${moved + moving + waiting + left} moved`,
    ...parts.map((part) => `${counts[part]} ${part}`),
  ].join(', ');
}
