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

/** What servers are counted by. `ram` in MiB. */
export interface ServerAmounts {
  readonly instances: number;
  readonly cores: number;
  readonly ram: number;
}

const counted = ['cores', 'instances', 'ram'] as const;

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

const room = (limit: number, used: number): number =>
  limit < 0 ? Number.POSITIVE_INFINITY : Math.max(0, limit - used);

/**
 * How many of `minCount` to `maxCount` equal servers fit, as Nova counts: as many as there is room for; or the text of the
 * 403 when not even the fewest do.
 */
export function fittingCount(
  limits: QuotaLimits,
  used: ServerAmounts,
  each: { readonly vcpus: number; readonly memoryMb: number },
  minCount: number,
  maxCount: number,
): { readonly count: number } | { readonly message: string } {
  const fits = Math.min(
    room(limits.instances, used.instances),
    Math.floor(room(limits.cores, used.cores) / each.vcpus),
    Math.floor(room(limits.ram, used.ram) / each.memoryMb),
  );
  if (fits >= minCount) return { count: Math.min(fits, maxCount) };
  const requested = {
    instances: minCount === maxCount ? String(minCount) : `${minCount}-${maxCount}`,
    cores: String(each.vcpus * maxCount),
    ram: String(each.memoryMb * maxCount),
  };
  const least = { instances: minCount, cores: each.vcpus * minCount, ram: each.memoryMb * minCount };
  return { message: exceeded(limits, used, least, requested) };
}

/** The 403's text when `more` does not fit beside what is used; null when it does. */
export function quotaProblem(limits: QuotaLimits, used: ServerAmounts, more: ServerAmounts): string | null {
  const over = counted.filter((name) => more[name] > room(limits[name], used[name]));
  if (over.length === 0) return null;
  const requested = { instances: String(more.instances), cores: String(more.cores), ram: String(more.ram) };
  return exceeded(limits, used, more, requested);
}

/** The 403's text when a server would have more metadata than its owner may give it; null when not. */
export function metadataProblem(limits: QuotaLimits, metadata: Readonly<Record<string, string>>): string | null {
  const allowed = limits.metadata_items;
  return Object.keys(metadata).length > room(allowed, 0) ? `Maximum number of metadata items exceeds ${allowed}` : null;
}

function exceeded(
  limits: QuotaLimits,
  used: ServerAmounts,
  least: ServerAmounts,
  requested: Readonly<Record<(typeof counted)[number], string>>,
): string {
  const over = counted.filter((name) => least[name] > room(limits[name], used[name]));
  const list = (values: readonly (string | number)[]): string => values.join(', ');
  const names = list(over);
  return (
    `Quota exceeded for ${names}: Requested ${list(over.map((name) => requested[name]))}, ` +
    `but already used ${list(over.map((name) => used[name]))} of ${list(over.map((name) => limits[name]))} ${names}`
  );
}
