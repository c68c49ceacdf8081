// Why: what a project may have at most, and Nova's words when it would be more. Pure: who counts and who locks is elsewhere.

/** Nova's defaults. -1: no limit. */
export const defaultQuota = {
  instances: 10,
  cores: 20,
  ram: 51_200,
  floating_ips: -1,
  fixed_ips: -1,
  metadata_items: 128,
  injected_files: 5,
  injected_file_content_bytes: 10_240,
  injected_file_path_bytes: 255,
  security_groups: -1,
  security_group_rules: -1,
  key_pairs: 100,
  server_groups: 10,
  server_group_members: 10,
} as const;

export type QuotaResource = keyof typeof defaultQuota;
export type QuotaLimits = Readonly<Record<QuotaResource, number>>;

export const quotaResources = Object.keys(defaultQuota) as readonly QuotaResource[];

/** Resources whose limit is the project's, also where a user is named. */
export const perProject: readonly QuotaResource[] = ['fixed_ips', 'floating_ips'];

/** What servers are counted by. `ram` in MiB. */
export interface ServerAmounts {
  readonly instances: number;
  readonly cores: number;
  readonly ram: number;
}

const counted = ['cores', 'instances', 'ram'] as const;

/** Limits of a project, or of a user in it, and what servers use of them. */
export interface QuotaAccount {
  readonly limits: QuotaLimits;
  readonly used: ServerAmounts;
}

/** The accounts that a request must fit into: the project's, then the user's where limits of the user's own are set. */
export type QuotaAccounts = readonly [project: QuotaAccount] | readonly [project: QuotaAccount, user: QuotaAccount];

/** The limits in force: the narrowest word that was said. */
export function limitsFrom(
  defaults: QuotaLimits,
  ...overrides: readonly Readonly<Record<string, number>>[]
): QuotaLimits {
  const entries = quotaResources.map((resource) => {
    const set = overrides.map((override) => override[resource]).findLast((value) => value !== undefined);
    return [resource, set ?? defaults[resource]] as const;
  });
  return Object.fromEntries(entries) as QuotaLimits;
}

/** Whether limits of a user's own bound what the user's servers use. */
export const boundsServers = (own: Readonly<Record<string, number>>): boolean =>
  counted.some((resource) => own[resource] !== undefined);

const room = (limit: number, used: number): number =>
  limit < 0 ? Number.POSITIVE_INFINITY : Math.max(0, limit - used);

const roomIn = ({ limits, used }: QuotaAccount, name: keyof ServerAmounts): number => room(limits[name], used[name]);

/** What servers of these accounts may have in addition; infinite where nothing bounds them. */
export function serverRoom(accounts: QuotaAccounts): Omit<ServerAmounts, 'instances'> {
  const least = (name: 'cores' | 'ram') => Math.min(...accounts.map((account) => roomIn(account, name)));
  return { cores: least('cores'), ram: least('ram') };
}

/** Whether so much is more than a limit allows. */
export const isOver = (limit: number, wanted: number): boolean => wanted > room(limit, 0);

/**
 * How many of `minCount` to `maxCount` equal servers fit, as Nova counts: as many as there is room for; or the text of the
 * 403 when not even the fewest do.
 */
export function fittingCount(
  accounts: QuotaAccounts,
  each: { readonly vcpus: number; readonly memoryMb: number },
  minCount: number,
  maxCount: number,
): { readonly count: number } | { readonly message: string } {
  const fits = Math.min(
    ...accounts.map((account) =>
      Math.min(
        roomIn(account, 'instances'),
        Math.floor(roomIn(account, 'cores') / each.vcpus),
        Math.floor(roomIn(account, 'ram') / each.memoryMb),
      ),
    ),
  );
  if (fits >= minCount) return { count: Math.min(fits, maxCount) };
  const most = { instances: maxCount, cores: each.vcpus * maxCount, ram: each.memoryMb * maxCount };
  const instances = minCount === maxCount ? minCount : `${minCount}-${maxCount}`;
  return { message: exceeded(accounts, most, { ...most, instances }) as string };
}

/** The 403's text when `more` does not fit beside what is used; null when it does. */
export const quotaProblem = (accounts: QuotaAccounts, more: ServerAmounts): string | null =>
  exceeded(accounts, more, more);

/** Nova tells the user's numbers where a limit of the user's own is what is exceeded, else the project's. */
function exceeded(
  accounts: QuotaAccounts,
  more: ServerAmounts,
  told: Readonly<Record<keyof ServerAmounts, string | number>>,
): string | null {
  const [project] = accounts;
  const isOverIn = (account: QuotaAccount, name: keyof ServerAmounts): boolean => more[name] > roomIn(account, name);
  const over = counted.filter((name) => accounts.some((account) => isOverIn(account, name)));
  if (over.length === 0) return null;
  const account = over.every((name) => isOverIn(project, name)) ? project : (accounts.at(-1) as QuotaAccount);
  const list = (value: (name: keyof ServerAmounts) => string | number): string => over.map(value).join(', ');
  const names = list((name) => name);
  return (
    `Quota exceeded for ${names}: Requested ${list((name) => told[name])}, ` +
    `but already used ${list((name) => account.used[name])} of ${list((name) => account.limits[name])} ${names}`
  );
}

/** Between what a limit may be set without force. `maximum` -1: no bound. */
export interface SettableRange {
  readonly minimum: number;
  readonly maximum: number;
}

export const UNLIMITED = -1;

/** What is left when a number that may mean "no limit" is taken from another: that too, if either does. */
const less = (a: number, b: number): number => (a <= UNLIMITED || b <= UNLIMITED ? UNLIMITED : a - b);
const more = (a: number, b: number): number => (a <= UNLIMITED || b <= UNLIMITED ? UNLIMITED : a + b);

/** A project needs what it uses and what its users were given (`sharedOut`); nothing is too much. */
export function projectRange(limit: number, sharedOut: number, used: number): SettableRange {
  return { minimum: Math.max(less(limit, limit - sharedOut), used), maximum: UNLIMITED };
}

/** A user needs what the user's servers use, and may be given what the project did not give to other users. */
export function userRange(projectLimit: number, sharedOut: number, own: number, used: number): SettableRange {
  return { minimum: used, maximum: more(projectLimit - sharedOut, own) };
}

/** Why a limit may not be set, in Nova's words for a 400; null when it may. */
export function limitProblem(resource: string, limit: number, { minimum, maximum }: SettableRange): string | null {
  const size = (value: number): number => (value === UNLIMITED ? Number.POSITIVE_INFINITY : value);
  if (size(limit) < size(minimum)) {
    return `Quota limit ${limit} for ${resource} must be greater than or equal to already used and reserved ${minimum}.`;
  }
  if (size(limit) > size(maximum)) {
    return `Quota limit ${limit} for ${resource} must be less than or equal to ${maximum}.`;
  }
  return null;
}
