// Why: ranges come to a subnet pool and leave it one by one, as Neutron has it, so that two who change it at once do not undo each other.

import { limits } from '../../base/limits.ts';
import { formatCidr, parseCidr } from '../../base/ip.ts';
import { replaceRow, rowsBy, subnetNoun } from '../../db/networks.ts';
import { type StoredSubnetPool, subnetPoolNoun } from '../../db/subnet-pools.ts';
import { readJson } from '../../web/json-body.ts';
import type { Routes } from '../http.ts';
import type { Schema } from '../schema.ts';
import { checkForm } from './attributes.ts';
import { inUse, invalid } from './faults.ts';
import type { Act } from './noun.ts';
import { changeObject } from './objects.ts';
import type { NetworkParts } from './parts.ts';
import { ofObject } from './rules.ts';
import { prefixList, readPrefixes, subnetPools } from './subnet-pools.ts';
import { isWithin } from './subnet-ranges.ts';

const change: Schema = { type: 'object', required: ['prefixes'], properties: { prefixes: prefixList.schema } };

const written = (texts: readonly string[]): string[] => texts.map((text) => formatCidr(parseCidr(text) as never));

async function add(_act: Act, pool: StoredSubnetPool, more: readonly string[]): Promise<readonly string[]> {
  const { ipVersion, prefixes } = readPrefixes([...pool.prefixes, ...more]);
  if (ipVersion !== pool.ipVersion)
    throw invalid('The ranges of a subnet pool are of one family.', 'PrefixVersionMismatch');
  if (prefixes.length > limits.networkListEntries)
    throw inUse('OverQuota', `A subnet pool has at most ${limits.networkListEntries} ranges.`);
  return prefixes;
}

/** @throws badRequest for what is no range of the pool, or has a subnet */
async function take({ tx }: Act, pool: StoredSubnetPool, gone: readonly string[]): Promise<readonly string[]> {
  const strange = gone.filter((one) => !pool.prefixes.includes(one));
  if (strange.length > 0)
    throw invalid(`The subnet pool has no ranges ${strange.join(', ')}.`, 'IllegalSubnetPoolPrefixUpdate');
  const left = pool.prefixes.filter((one) => !gone.includes(one));
  if (left.length === 0) throw invalid('A subnet pool has at least one range.', 'IllegalSubnetPoolPrefixUpdate');
  const ranges = left.map(parseCidr);
  for (const { cidr } of await rowsBy(tx, subnetNoun, 'subnetpool_id', [pool.id])) {
    const own = parseCidr(cidr);
    if (!ranges.some((range) => range !== null && own !== null && isWithin(own, range)))
      throw inUse(
        'IllegalSubnetPoolPrefixUpdate',
        `The subnet pool has a subnet of ${cidr}, which would be in none of its ranges.`,
      );
  }
  return left;
}

/** Hangs in how ranges come to pools and leave them. */
export function addSubnetPoolPrefixes(routes: Routes, parts: NetworkParts): void {
  for (const [verb, work] of [
    ['add_prefixes', add],
    ['remove_prefixes', take],
  ] as const) {
    const rule = `${verb}` as const;
    routes.on('PUT', `/v2.0/subnetpools/:id/${verb}`, ofObject(subnetPools, rule), async (ctx, caller, { id = '' }) => {
      const body = await readJson(ctx);
      checkForm(change, body);
      const asked = written((body as { readonly prefixes: readonly string[] }).prefixes);
      const to = async (act: Act, pool: StoredSubnetPool): Promise<StoredSubnetPool> => {
        const prefixes = await work(act, pool, asked);
        const next = { ...pool, prefixes, revision: pool.revision + 1, updatedAt: act.now };
        await replaceRow(act.tx, subnetPoolNoun, next);
        return next;
      };
      const shown = await changeObject(
        parts,
        subnetPools,
        caller,
        id,
        { rule, values: {}, to },
        async (_, pool) => pool,
      );
      ctx.status = 200;
      ctx.type = 'application/json';
      ctx.body = JSON.stringify({ prefixes: shown.prefixes });
    });
  }
}
