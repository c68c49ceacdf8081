// Why: how many network objects a project may have: Neutron's defaults, and what an administrator set instead.

import { booleanWord } from '../../base/boolean-word.ts';
import type { Reader } from '../../db/engine.ts';
import { addressGroupNoun } from '../../db/address-groups.ts';
import { floatingIpNoun } from '../../db/floating-ips.ts';
import {
  countRows,
  groupNoun,
  limitAndUse,
  networkNoun,
  portNoun,
  quotasOf,
  ruleNoun,
  subnetNoun,
} from '../../db/networks.ts';
import { networkAccessNoun } from '../../db/network-rbac.ts';
import { routerNoun } from '../../db/routers.ts';
import { subnetPoolNoun } from '../../db/subnet-pools.ts';
import type { Noun } from '../../db/table.ts';
import type { Schema } from '../schema.ts';
import { checkForm } from './attributes.ts';
import { overQuota } from './faults.ts';
import { converted, integer, saying, type Words } from './forms.ts';
import type { NetworkParts } from './parts.ts';

/** -1 is unlimited. What is never offered may not be made. */
const defaults: Readonly<Record<string, number>> = {
  network: 100,
  subnet: 100,
  port: 500,
  security_group: 10,
  security_group_rule: 100,
  router: 10,
  floatingip: 50,
  address_group: 50,
  subnetpool: 50,
  rbac_policy: 10,
};

/** Whose rows count. */
const counted: Readonly<Record<string, Noun<unknown>>> = {
  network: networkNoun as Noun<unknown>,
  subnet: subnetNoun as Noun<unknown>,
  port: portNoun as Noun<unknown>,
  security_group: groupNoun as Noun<unknown>,
  security_group_rule: ruleNoun as Noun<unknown>,
  router: routerNoun as Noun<unknown>,
  address_group: addressGroupNoun as Noun<unknown>,
  floatingip: floatingIpNoun as Noun<unknown>,
  rbac_policy: networkAccessNoun as Noun<unknown>,
  subnetpool: subnetPoolNoun as Noun<unknown>,
};

type Offers = Pick<NetworkParts, 'floatingIps' | 'engine'>;

export const defaultQuotas = ({ floatingIps, engine }: Offers): Record<string, number> => ({
  ...defaults,
  ...(floatingIps ? {} : { floatingip: 0 }),
  ...(engine.kind === 'ovn' ? {} : { router: 0, address_group: 0 }),
});

export async function quotaLimits(reader: Reader, offers: Offers, projectId: string): Promise<Record<string, number>> {
  return { ...defaultQuotas(offers), ...(await quotasOf(reader, projectId)) };
}

const countUsed = async (reader: Reader, resource: string, projectId: string): Promise<number> => {
  const noun = counted[resource];
  return noun === undefined ? 0 : countRows(reader, noun, projectId);
};

/** How many more of a resource a project may have; null: any number. */
export async function roomFor(reader: Reader, resource: string, projectId: string): Promise<number | null> {
  const [noun, byDefault = -1] = [counted[resource], defaults[resource]];
  if (noun === undefined) return null;
  const { limit, used } = await limitAndUse(reader, noun, resource, projectId, byDefault);
  return limit < 0 ? null : limit - used;
}

export async function quotaDetails(reader: Reader, offers: Offers, projectId: string): Promise<Record<string, object>> {
  const details: Record<string, object> = {};
  for (const [resource, limit] of Object.entries(await quotaLimits(reader, offers, projectId))) {
    details[resource] = { limit, used: await countUsed(reader, resource, projectId), reserved: 0 };
  }
  return details;
}

/** @throws conflict OverQuota when the project has no room for `more` of a resource */
export async function checkQuota(reader: Reader, resource: string, projectId: string, more: number): Promise<void> {
  const room = await roomFor(reader, resource, projectId);
  if (room !== null && more > room) throw overQuota(resource);
}

/** As `checkQuota` for one more, where what was set and what is used is at hand. */
export function checkRoom(resource: string, { limit, used }: { readonly limit: number | null; readonly used: number }) {
  const most = limit ?? defaults[resource] ?? -1;
  if (most >= 0 && used >= most) throw overQuota(resource);
}

const limit = integer(-1, 2_147_483_647);
/** What says something else than a limit; `force` is what is done anyway. */
const ALONG = ['tenant_id', 'project_id', 'force', 'check_limit'];
const unfound: Words = ["Unable to find 'quota' in request body", 'HTTPBadRequest'];

const envelope: Schema = {
  type: 'object',
  required: ['quota'],
  properties: { quota: { type: 'object', ...saying({ '*': unfound }) } },
  ...saying({ '*': unfound }),
};

const quota: Schema = {
  type: 'object',
  properties: {
    ...Object.fromEntries(ALONG.map((name) => [name, true])),
    ...Object.fromEntries(Object.keys(defaults).map((resource) => [resource, limit.schema])),
  },
  additionalProperties: false,
  ...saying({ additionalProperties: ["Unrecognized attribute(s) '{key}'", 'HTTPBadRequest'] }),
};

export interface QuotaUpdate {
  readonly limits: Readonly<Record<string, number>>;
  /** Whether a limit below what there is shall be refused. */
  readonly check: boolean;
}

/** @throws conflict OverQuota where a project has more than a limit */
export async function checkLimits(reader: Reader, projectId: string, limits: QuotaUpdate['limits']): Promise<void> {
  for (const [resource, most] of Object.entries(limits))
    if (most >= 0 && (await countUsed(reader, resource, projectId)) > most) throw overQuota(resource);
}

/** The limits that a body sets. @throws badRequest in Neutron's words */
export function quotaUpdate(body: unknown): QuotaUpdate {
  checkForm(envelope, body);
  const values = (body as { readonly quota: object }).quota;
  checkForm(quota, values);
  const given = Object.entries(values).filter(([resource]) => !ALONG.includes(resource));
  const limits = Object.fromEntries(given.map(([resource, value]) => [resource, converted(limit, value) as number]));
  return { limits, check: booleanWord(String((values as { check_limit?: unknown }).check_limit)) === true };
}
