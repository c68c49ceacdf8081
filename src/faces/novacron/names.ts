// Why: this API speaks of VMs, nodes and megabytes, the compute API of servers, hosts and flavors. What is called what stands here, once.

/** States of a VM by the status of its server. */
const states: Readonly<Record<string, string>> = {
  ACTIVE: 'running',
  SHUTOFF: 'stopped',
  BUILD: 'creating',
  REBOOT: 'restarting',
  HARD_REBOOT: 'restarting',
  PAUSED: 'paused',
  SUSPENDED: 'suspended',
  MIGRATING: 'migrating',
  RESIZE: 'migrating',
  VERIFY_RESIZE: 'migrated',
  ERROR: 'error',
};

/** One that has no word of its own keeps its server's, in small letters. */
export const stateOf = (status: string): string => states[status] ?? status.toLowerCase();

/** Performance profiles whose names differ. */
const profiles: readonly (readonly [here: string, there: string])[] = [['ubuntu-24-04-optimized', 'ubuntu-24.04']];

export const profileHere = (there: string): string => profiles.find((pair) => pair[1] === there)?.[0] ?? there;
/** Either name is understood. */
export const profileThere = (here: string): string => profiles.find((pair) => pair[0] === here)?.[1] ?? here;

/** The types of backups by the kinds of copies. */
export const backupTypes = ['full', 'incremental'] as const;

const MB_PER_GB = 1_024;
/** Disks are whole GiB: what is asked for is held, and not less. */
export const diskGbOf = (mb: number): number => Math.ceil(mb / MB_PER_GB);
export const diskMbOf = (gb: number): number => gb * MB_PER_GB;

/** What a VM has of which nothing is said. */
export const defaultSize = { vcpus: 2, memory_mb: 2_048, disk_mb: 20_480 } as const;

/** Metadata of a server that name its template for cloud-init. */
export const TEMPLATE = 'xloud:template';
export const templateVariable = (name: string): string => `${TEMPLATE}.${name}`;
/** The variable that every template knows here: cloud-init takes keys beside any template. */
export const SSH_KEYS = 'ssh_authorized_keys';

/** Tags are a map here and a list there: `purpose=backup`; one without a value is its key alone. */
export const tagsThere = (tags: Readonly<Record<string, string>>): string[] =>
  Object.entries(tags).map(([key, value]) => (value === '' ? key : `${key}=${value}`));

export function tagsHere(tags: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    tags.map((tag) => {
      const at = tag.indexOf('=');
      return at < 1 ? [tag, ''] : [tag.slice(0, at), tag.slice(at + 1)];
    }),
  );
}
