// Why: what users ask for while things die is a table: in which states, by which request, and what must be seen afterwards.

import type { Size } from '../../src/domain/adjustment/size.ts';
import type { Dice } from '../sim/dice.ts';

/** A server as the API shows it; only what is looked at here. */
export interface Shown {
  readonly status: string;
  readonly host: string;
  /** Name of its flavor. */
  readonly flavor: string;
  readonly vcpus: number;
  readonly memoryMb: number;
}

export interface Wish {
  /** Below `/servers/ID` or, of an adjustment, `/os-xloud-adjust/ID`. */
  readonly body: Readonly<Record<string, unknown>>;
  /** What of the server must be seen when it is over and well. */
  readonly effect: (after: Shown) => boolean;
}

export interface Deed {
  readonly name: string;
  readonly from: readonly string[];
  readonly weight: number;
  readonly route: 'action' | 'adjust' | 'delete';
  /** No task shows that it is under way, as in Nova: it is until its effect is seen or its failure is on record. */
  readonly hasNoTask?: boolean;
  readonly wish: (before: Shown, dice: Dice, flavors: Flavors) => Wish;
}

/** Flavors that servers are resized between; both grow from 1 vCPU. */
export interface Flavors {
  readonly f: Size;
  readonly g: Size;
  /** From which the memory of both grows, in MiB. */
  readonly minimumMb: number;
}
type FlavorName = 'f' | 'g';

const action =
  (key: string, value: unknown, ...statuses: readonly string[]) =>
  (): Wish => ({ body: { [key]: value }, effect: ({ status }) => statuses.includes(status) });

const other = ({ flavor }: Shown): FlavorName => (flavor === 'f' ? 'g' : 'f');

export const deeds: readonly Deed[] = [
  {
    name: 'adjust',
    from: ['ACTIVE'],
    weight: 8,
    route: 'adjust',
    wish(before, dice, flavors) {
      const most = flavors[before.flavor as FlavorName];
      const current_vcpus = dice.between(1, most.vcpus);
      const current_memory_mb = dice.between(flavors.minimumMb, most.memoryMb);
      return {
        body: { current_vcpus, current_memory_mb },
        effect: ({ vcpus, memoryMb }) => vcpus === current_vcpus && memoryMb === current_memory_mb,
      };
    },
  },
  {
    name: 'live migration',
    from: ['ACTIVE'],
    weight: 5,
    route: 'action',
    wish: (before) => ({
      body: { 'os-migrateLive': { host: null, block_migration: 'auto' } },
      effect: ({ status, host }) => status === 'ACTIVE' && host !== before.host,
    }),
  },
  {
    name: 'resize',
    from: ['ACTIVE', 'SHUTOFF'],
    weight: 4,
    route: 'action',
    wish: (before) => ({
      body: { resize: { flavorRef: other(before) } },
      effect: ({ status, flavor }) => status === 'VERIFY_RESIZE' && flavor === other(before),
    }),
  },
  {
    name: 'cold migration',
    from: ['ACTIVE', 'SHUTOFF'],
    weight: 2,
    route: 'action',
    wish: (before) => ({
      body: { migrate: null },
      effect: ({ status, host }) => status === 'VERIFY_RESIZE' && host !== before.host,
    }),
  },
  ...[
    { name: 'confirm', key: 'confirmResize', weight: 6 },
    { name: 'revert', key: 'revertResize', weight: 4 },
  ].map(
    ({ name, key, weight }): Deed => ({
      ...{ name, weight, from: ['VERIFY_RESIZE'], route: 'action', hasNoTask: key === 'confirmResize' },
      wish: action(key, null, 'ACTIVE', 'SHUTOFF'),
    }),
  ),
  { name: 'stop', from: ['ACTIVE'], weight: 3, route: 'action', wish: action('os-stop', null, 'SHUTOFF') },
  { name: 'start', from: ['SHUTOFF'], weight: 6, route: 'action', wish: action('os-start', null, 'ACTIVE') },
  {
    ...{ name: 'reboot', from: ['ACTIVE', 'SHUTOFF'], weight: 2, route: 'action' },
    wish: action('reboot', { type: 'HARD' }, 'ACTIVE'),
  },
  {
    ...{ name: 'shelve', from: ['ACTIVE', 'SHUTOFF'], weight: 1, route: 'action' },
    wish: action('shelve', null, 'SHELVED_OFFLOADED'),
  },
  {
    ...{ name: 'unshelve', from: ['SHELVED', 'SHELVED_OFFLOADED'], weight: 4, route: 'action' },
    wish: action('unshelve', null, 'ACTIVE'),
  },
  {
    name: 'delete',
    from: ['ACTIVE', 'SHUTOFF', 'VERIFY_RESIZE', 'SHELVED', 'SHELVED_OFFLOADED', 'ERROR'],
    weight: 3,
    route: 'delete',
    // a server that is still to be seen afterwards was not deleted
    wish: () => ({ body: {}, effect: () => false }),
  },
];

/** What is possible in a state, by weight. */
export function pickDeed(status: string, dice: Dice): Deed | null {
  const hat = deeds.flatMap((one) => (one.from.includes(status) ? Array.from({ length: one.weight }, () => one) : []));
  return hat.length === 0 ? null : dice.pick(hat);
}
