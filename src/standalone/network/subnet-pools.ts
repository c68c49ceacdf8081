// Why: whoever makes subnets need not know which ranges are free: a pool does, and bounds what each project has of it.

import { limits } from '../../base/limits.ts';
import { bitsOf, type Cidr, formatCidr, parseCidr } from '../../base/ip.ts';
import { deleteRow, replaceRow, rowsBy, subnetNoun } from '../../db/networks.ts';
import { type StoredSubnetPool, subnetPoolNoun } from '../../db/subnet-pools.ts';
import { findRow, insertRow, lockRow } from '../../db/table.ts';
import type { Values } from './attributes.ts';
import {
  born,
  changeable,
  changed,
  commonFilters,
  commonSortable,
  commonView,
  fixed,
  nameAndDescription,
} from './common.ts';
import { inUse, invalid, missing } from './faults.ts';
import { boolean, integer, oneOf, orNull, saying, subnet as cidrText, type Form } from './forms.ts';
import type { Act, Noun } from './noun.ts';
import { freeWithin, isWithin, type Taken } from './subnet-ranges.ts';

export const prefixList: Form = {
  schema: {
    type: 'array',
    minItems: 1,
    maxItems: limits.networkListEntries,
    items: cidrText.schema,
    ...saying({ '*': 'a list of ranges is wanted.' }),
  },
};

const prefixLength = integer(0, 128);
/** Neutron's, by family. */
const DEFAULT_MIN = { 4: 8, 6: 64 } as const;

const known = (texts: readonly string[]): Cidr[] => texts.map(parseCidr).filter((cidr): cidr is Cidr => cidr !== null);

/** Ranges of one family, none of them within another one. @throws badRequest */
export function readPrefixes(texts: readonly string[]): {
  readonly ipVersion: 4 | 6;
  readonly prefixes: readonly string[];
} {
  const all = known([...new Set(known(texts).map(formatCidr))]);
  const [ipVersion, other] = new Set(all.map(({ version }) => version));
  if (ipVersion === undefined || other !== undefined)
    throw invalid('The ranges of a subnet pool are of one family.', 'PrefixVersionMismatch');
  const outer = all.filter((one) => !all.some((two) => two !== one && isWithin(one, two)));
  return { ipVersion, prefixes: outer.map(formatCidr) };
}

/** @throws badRequest where lengths of prefixes are not in their order, or none of the family's */
function checkLengths({ ipVersion, minPrefix, defaultPrefix, maxPrefix }: StoredSubnetPool): void {
  if (maxPrefix > bitsOf(ipVersion) || minPrefix > maxPrefix || defaultPrefix < minPrefix || defaultPrefix > maxPrefix)
    throw invalid(
      `Illegal prefix bounds: min_prefixlen ${minPrefix}, default_prefixlen ${defaultPrefix} and max_prefixlen ${maxPrefix} are to be in this order, and at most ${bitsOf(ipVersion)}.`,
      'IllegalSubnetPoolPrefixBounds',
    );
}

/** There is one default pool of each family. @throws badRequest */
async function checkDefault({ tx }: Act, pool: StoredSubnetPool): Promise<void> {
  if (!pool.isDefault) return;
  const other = await findRow(tx, subnetPoolNoun, { is_default: 1, ip_version: pool.ipVersion });
  if (other !== null && other.id !== pool.id)
    throw invalid(`A default subnetpool for this IP family has already been set: ${other.id}.`, 'InvalidInput');
}

export const subnetPools: Noun<StoredSubnetPool> = {
  singular: 'subnetpool',
  collection: 'subnetpools',
  quota: 'subnetpool',
  rows: subnetPoolNoun,
  attributes: {
    ...nameAndDescription,
    prefixes: { ...changeable(prefixList), required: true },
    min_prefixlen: changeable(prefixLength),
    default_prefixlen: changeable(prefixLength),
    max_prefixlen: changeable(prefixLength),
    default_quota: changeable(orNull(integer(0, Number.MAX_SAFE_INTEGER)), null),
    shared: fixed(boolean, false),
    is_default: changeable(boolean, false),
    address_scope_id: fixed(oneOf([null]), null),
  },
  filters: {
    ...commonFilters,
    ip_version: { column: 'ip_version', as: 'number' },
    default_prefixlen: { column: 'default_prefixlen', as: 'number' },
    min_prefixlen: { column: 'min_prefixlen', as: 'number' },
    max_prefixlen: { column: 'max_prefixlen', as: 'number' },
    shared: { column: 'shared', as: 'bool' },
    is_default: { column: 'is_default', as: 'bool' },
  },
  sortable: [...commonSortable, 'ip_version', 'default_prefixlen', 'min_prefixlen', 'max_prefixlen'],
  sees: async (_reader, _caller, { shared }) => shared,
  targets: async (_reader, pools) => pools.map(({ shared }) => ({ shared })),
  views: async (_reader, _caller, pools) =>
    pools.map((pool) => ({
      ...commonView(pool),
      ip_version: pool.ipVersion,
      prefixes: pool.prefixes,
      min_prefixlen: String(pool.minPrefix),
      default_prefixlen: String(pool.defaultPrefix),
      max_prefixlen: String(pool.maxPrefix),
      default_quota: pool.defaultQuota,
      shared: pool.shared,
      is_default: pool.isDefault,
      address_scope_id: null,
    })),
  async create(act, values) {
    const { ipVersion, prefixes } = readPrefixes(values['prefixes'] as readonly string[]);
    const number = (name: string): number | undefined => values[name] as number | undefined;
    const minPrefix = number('min_prefixlen') ?? DEFAULT_MIN[ipVersion];
    const pool: StoredSubnetPool = {
      ...born(values, act.now),
      ipVersion,
      prefixes,
      minPrefix,
      defaultPrefix: number('default_prefixlen') ?? minPrefix,
      maxPrefix: number('max_prefixlen') ?? bitsOf(ipVersion),
      defaultQuota: values['default_quota'] as number | null,
      shared: values['shared'] as boolean,
      isDefault: values['is_default'] as boolean,
    };
    checkLengths(pool);
    await checkDefault(act, pool);
    await insertRow(act.tx, subnetPoolNoun, pool);
    return pool;
  },
  async update(act, pool, values) {
    const fields = {
      min_prefixlen: 'minPrefix',
      default_prefixlen: 'defaultPrefix',
      max_prefixlen: 'maxPrefix',
      default_quota: 'defaultQuota',
      is_default: 'isDefault',
    } as const;
    const given = values['prefixes'] as readonly string[] | undefined;
    const next = { ...changed(pool, act.now, values, fields), ...(given === undefined ? {} : readPrefixes(given)) };
    const [before, after] = [known(pool.prefixes), known(next.prefixes)];
    if (next.ipVersion !== pool.ipVersion || !before.every((one) => after.some((two) => isWithin(one, two))))
      throw invalid('Existing prefixes must be a subset of the new prefixes.', 'IllegalSubnetPoolPrefixUpdate');
    checkLengths(next);
    await checkDefault(act, next);
    await replaceRow(act.tx, subnetPoolNoun, next);
    return next;
  },
  async remove({ tx }, pool) {
    await lockRow(tx, subnetPoolNoun, { id: pool.id });
    if ((await rowsBy(tx, subnetNoun, 'subnetpool_id', [pool.id])).length > 0)
      throw invalid('Unable to delete subnet pool: Subnet pool has existing allocations.', 'SubnetPoolDeleteError');
    await deleteRow(tx, subnetPoolNoun, pool.id);
  },
  tagsOf: ({ tags }) => tags,
  async retag({ tx, now }, pool, tags) {
    const next = { ...pool, tags, revision: pool.revision + 1, updatedAt: now };
    await replaceRow(tx, subnetPoolNoun, next);
    return next;
  },
};

/** The pool that a new subnet is to be of, held until it is made; null: its range is named. @throws notFound, badRequest */
export async function poolFor({ tx, caller, everywhere }: Act, values: Values): Promise<StoredSubnetPool | null> {
  const id = values['subnetpool_id'] as string | null;
  if (id === null && values['use_default_subnetpool'] !== true) {
    if (values['prefixlen'] !== undefined)
      throw invalid('Bad subnets request: a prefixlen is of a subnetpool alone.', 'BadRequest');
    return null;
  }
  if (id === null) {
    const ipVersion = (values['ip_version'] as number | undefined) ?? 4;
    const found = await findRow(tx, subnetPoolNoun, { is_default: 1, ip_version: ipVersion });
    const pool = found === null ? null : await lockRow(tx, subnetPoolNoun, { id: found.id });
    if (pool === null) throw invalid(`No default subnetpool found for IPv${ipVersion}.`, 'InvalidInput');
    return pool;
  }
  const pool = await lockRow(tx, subnetPoolNoun, { id });
  if (pool === null || !(everywhere || pool.shared || pool.projectId === caller.projectId))
    throw missing('subnetpool', id);
  return pool;
}

/** How much of a pool's quota a range is: addresses of IPv4, /64 of IPv6, of which a part counts whole. */
function weightOf({ version, prefix }: Cidr): bigint {
  const whole = version === 4 ? 32 : 64;
  return prefix >= whole ? 1n : 1n << BigInt(whole - prefix);
}

/**
 * The range of a new subnet of a pool: the one that is named, if it is the pool's to give, or the first one that is free.
 * @param taken the ranges of all subnets, and which of them matter to the new one
 * @throws badRequest, conflict
 */
export function rangeOf(
  pool: StoredSubnetPool,
  asked: { readonly cidr: Cidr | null; readonly prefix: number | undefined; readonly projectId: string },
  taken: readonly Taken[],
  matters: (other: Taken) => boolean,
): Cidr {
  const prefix = asked.cidr?.prefix ?? asked.prefix ?? pool.defaultPrefix;
  if (prefix < pool.minPrefix)
    throw invalid(
      `Unable to allocate subnet with prefix length ${prefix}, minimum allowed prefix is ${pool.minPrefix}.`,
      'MinPrefixSubnetAllocationError',
    );
  if (prefix > pool.maxPrefix)
    throw invalid(
      `Unable to allocate subnet with prefix length ${prefix}, maximum allowed prefix is ${pool.maxPrefix}.`,
      'MaxPrefixSubnetAllocationError',
    );
  const prefixes = known(pool.prefixes);
  const ofPool = taken.filter(({ poolId }) => poolId === pool.id);
  const others = taken.filter((other) => other.poolId === pool.id || matters(other)).map(({ cidr }) => cidr);
  const { cidr } = asked;
  if (cidr !== null && !prefixes.some((outer) => isWithin(cidr, outer)))
    throw invalid(
      `Failed to allocate subnet: ${formatCidr(cidr)} is not within the subnet pool.`,
      'SubnetAllocationError',
    );
  const found = cidr ?? freeWithin(prefixes, prefix, others);
  if (found === null)
    throw invalid('Failed to allocate subnet: Insufficient prefix space to allocate subnet.', 'SubnetAllocationError');
  if (cidr !== null && ofPool.some((other) => isWithin(other.cidr, cidr) || isWithin(cidr, other.cidr)))
    throw invalid(
      'Failed to allocate subnet: Cannot allocate requested subnet from the available set of prefixes.',
      'SubnetAllocationError',
    );
  const used = ofPool
    .filter(({ projectId }) => projectId === asked.projectId)
    .reduce((sum, other) => sum + weightOf(other.cidr), 0n);
  if (pool.defaultQuota !== null && used + weightOf(found) > BigInt(pool.defaultQuota))
    throw inUse('SubnetPoolQuotaExceeded', 'Per-tenant subnet pool prefix quota exceeded.');
  return found;
}
