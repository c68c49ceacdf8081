// Why: operators name devices by alias (`pci.alias`), flavors ask for them by that name and number (`pci_passthrough:alias` = `gpu:2`),
// and nobody who makes servers needs to know what is plugged in where.

import { badRequest, Fault, forbidden } from '../../base/errors.ts';
import { type FlavorSnapshot, maximumOf, minimumOf } from '../machines/flavors.ts';
import type { ImageFacts } from '../machines/images.ts';
import type { PciDevice, PciType } from './pci.ts';

export const pciPolicies = ['required', 'preferred', 'legacy', 'socket'] as const;
/**
 * Where devices must be of a server that has NUMA nodes: on one of them (`required`); there, or near none at all (`legacy`); there if
 * possible (`preferred`); in the same socket (`socket`).
 */
export type PciPolicy = (typeof pciPolicies)[number];

/** An entry of `pci.alias`. */
export interface AliasOption {
  readonly name: string;
  readonly vendor_id: string;
  readonly product_id: string;
  readonly device_type?: string;
  readonly numa_policy?: string;
}

interface PciMatch {
  readonly vendorId: string;
  readonly productId: string;
  /** Null: any but whole devices that can be divided, which must be asked for. */
  readonly type: PciType | null;
}

interface PciAlias {
  readonly policy: PciPolicy;
  /** A device that is one of these is meant. */
  readonly matches: readonly PciMatch[];
}

export type PciAliases = ReadonlyMap<string, PciAlias>;

export const matchesAlias = ({ matches }: Pick<PciAlias, 'matches'>, device: PciDevice): boolean =>
  matches.some(
    ({ vendorId, productId, type }) =>
      vendorId === device.vendorId &&
      productId === device.productId &&
      (type === null ? device.type !== 'type-PF' : type === device.type),
  );

const LONGEST_NAME = 256;

/**
 * The aliases by name; entries of one name mean any of their devices. Throws a Fault that names what is wrong.
 * Source of rules: nova.pci.request.get_alias_from_config.
 */
export function readAliases(options: readonly AliasOption[]): PciAliases {
  const bad = (name: string, what: string): Fault =>
    new Fault('internal', `configuration: pci.alias: ${name}: ${what}`, { code: 'config' });
  const aliases = new Map<string, PciAlias>();
  for (const option of options) {
    const name = option.name.trim();
    if (name === '' || name.length > LONGEST_NAME || /[:,]/.test(name)) {
      throw bad(option.name, `a name of 1 to ${LONGEST_NAME} characters without colons and commas is wanted`);
    }
    const policy = (option.numa_policy ?? 'legacy') as PciPolicy;
    const match: PciMatch = {
      vendorId: option.vendor_id.toLowerCase(),
      productId: option.product_id.toLowerCase(),
      type: (option.device_type ?? null) as PciType | null,
    };
    const known = aliases.get(name);
    if (known !== undefined && known.policy !== policy) throw bad(name, 'its entries differ in their numa_policy');
    if (known !== undefined && known.matches[0]?.type !== match.type) {
      throw bad(name, 'its entries differ in their device_type');
    }
    aliases.set(name, { policy, matches: [...(known?.matches ?? []), match] });
  }
  return aliases;
}

/** So many devices of an alias. */
export interface AliasRequest extends PciAlias {
  readonly alias: string;
  readonly count: number;
}

/** What a server asks of its host's devices. */
export type PciRequest = readonly AliasRequest[];

const ALIAS = 'pci_passthrough:alias';

type AskingFlavor = Pick<FlavorSnapshot, 'extraSpecs'>;

/** Whether servers of a flavor have devices: their guests cannot be stored, nor go elsewhere as they run. */
export const asksForDevices = ({ extraSpecs }: AskingFlavor): boolean => Boolean(extraSpecs[ALIAS]);

/**
 * Why an elastic flavor cannot have devices; null when it can, or has none. All memory of a guest with devices is locked in its
 * host's from the beginning, and none of it comes back.
 */
export function fixedMemoryProblem(flavor: FlavorSnapshot): string | null {
  if (!asksForDevices(flavor) || minimumOf(flavor).memoryMb === maximumOf(flavor).memoryMb) return null;
  return (
    "A server with devices of its host has a fixed amount of memory: the extra spec 'minimum_memory' must equal the flavor's " +
    'ram, or be absent.'
  );
}

const POLICY = 'pci_numa_affinity_policy';

const isPolicy = (value: string): value is PciPolicy => (pciPolicies as readonly string[]).includes(value);

const policiesOf = ({ extraSpecs }: AskingFlavor, image: Pick<ImageFacts, 'properties'> | null) =>
  [extraSpecs[`hw:${POLICY}`] ?? '', image?.properties[`hw_${POLICY}`] ?? ''] as const;

/**
 * Whether flavor and image agree on where devices must be. Throws Nova's 403, and 400 for a word that is none.
 * Source: nova.virt.hardware.get_pci_numa_policy_constraint.
 */
export function checkPciPolicy(flavor: AskingFlavor, image: Pick<ImageFacts, 'properties'>): void {
  const [own, wished] = policiesOf(flavor, image);
  if (own !== '' && wished !== '' && own !== wished) {
    throw forbidden(
      "Image property 'hw_pci_numa_affinity_policy' is not permitted to override the 'hw:pci_numa_affinity_policy' flavor extra spec.",
    );
  }
  const odd = [own, wished].find((policy) => policy !== '' && !isPolicy(policy));
  if (odd !== undefined) throw badRequest(`Invalid PCI NUMA affinity configured: ${odd}`);
}

/** The devices that a server of the flavor and image shall have; null: none. Throws Nova's 400s. */
export function pciRequestOf(
  flavor: FlavorSnapshot,
  image: Pick<ImageFacts, 'properties'> | null,
  aliases: PciAliases,
): PciRequest | null {
  const text = flavor.extraSpecs[ALIAS];
  if (!text) return null;
  const policy = policiesOf(flavor, image).find(isPolicy);
  const request = text.split(',').map((part): AliasRequest => {
    const [, name = '', count] = /^([^:]*)(?::\s*(\d{1,9})\s*)?$/.exec(part) ?? [];
    const alias = aliases.get(name.trim());
    if (name.trim() !== '' && alias === undefined) throw badRequest(`PCI alias ${name.trim()} is not defined`);
    if (alias === undefined || count === undefined) {
      throw badRequest(`Validation failed; extra spec '${ALIAS}': '${text}' is no list of ALIAS:NUMBER.`);
    }
    return { ...alias, policy: policy ?? alias.policy, alias: name.trim(), count: Number(count) };
  });
  const problem = fixedMemoryProblem(flavor);
  if (problem !== null) throw badRequest(problem);
  const some = request.filter(({ count }) => count > 0);
  return some.length === 0 ? null : some;
}
