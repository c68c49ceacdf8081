// Why: how much a project may use: built-in defaults, what an administrator set for all, for the project, for one of its users.

/** Nova's resources with Nova's defaults; -1 is no limit (networks are Neutron's to limit). */
export const quotaDefaults = {
  instances: 10,
  cores: 20,
  /** MiB */
  ram: 51_200,
  metadata_items: 128,
  key_pairs: 100,
  server_groups: 10,
  server_group_members: 10,
  injected_files: 5,
  injected_file_content_bytes: 10_240,
  injected_file_path_bytes: 255,
  fixed_ips: -1,
  floating_ips: -1,
  security_groups: -1,
  security_group_rules: -1,
} as const;

export type QuotaResource = keyof typeof quotaDefaults;

/** A limit for each resource; -1 is none. */
export type QuotaLimits = Readonly<Record<QuotaResource, number>>;

/** The limits in force: each layer goes before the ones ahead of it (class, project, user). */
export function limitsOf(...layers: readonly Readonly<Record<string, number>>[]): QuotaLimits {
  const set = Object.assign({}, ...layers) as Record<string, number>;
  return Object.fromEntries(
    Object.entries(quotaDefaults).map(([resource, builtIn]) => [resource, set[resource] ?? builtIn]),
  ) as QuotaLimits;
}
