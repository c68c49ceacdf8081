// Why: what may be asked of a server in which state is one table, for its page, its menu and for many at once.

import { post, remove } from './api.ts';
import type { IconName } from '../parts/icons.tsx';
import type { Server } from './types.ts';
import type { Key } from './words.ts';

export interface ServerAction {
  readonly name: string;
  readonly words: Key;
  readonly icon?: IconName;
  /** States in which it makes sense; none: in any. */
  readonly states?: readonly string[];
  /** What it destroys, in words; then one is asked first. */
  readonly warning?: Key;
  readonly run: (server: Server) => Promise<unknown>;
}

/** A plain action of the compute API. */
const act =
  (body: unknown) =>
  ({ id }: Server): Promise<unknown> =>
    post('compute', `/servers/${id}/action`, body);

export const serverActions: readonly ServerAction[] = [
  { name: 'start', words: 'act.start', icon: 'play', states: ['SHUTOFF'], run: act({ 'os-start': null }) },
  {
    name: 'stop',
    words: 'act.stop',
    icon: 'stop',
    states: ['ACTIVE', 'ERROR'],
    run: act({ 'os-stop': null }),
  },
  {
    name: 'reboot',
    words: 'act.reboot',
    icon: 'restart',
    states: ['ACTIVE'],
    run: act({ reboot: { type: 'SOFT' } }),
  },
  {
    name: 'reset',
    words: 'act.reset',
    states: ['ACTIVE', 'SHUTOFF', 'PAUSED', 'SUSPENDED', 'ERROR'],
    warning: 'act.reset.warning',
    run: act({ reboot: { type: 'HARD' } }),
  },
  { name: 'pause', words: 'act.pause', states: ['ACTIVE'], run: act({ pause: null }) },
  { name: 'unpause', words: 'act.unpause', states: ['PAUSED'], run: act({ unpause: null }) },
  { name: 'suspend', words: 'act.suspend', states: ['ACTIVE'], run: act({ suspend: null }) },
  { name: 'resume', words: 'act.resume', states: ['SUSPENDED'], run: act({ resume: null }) },
  {
    name: 'shelve',
    words: 'act.shelve',
    states: ['ACTIVE', 'SHUTOFF', 'PAUSED', 'SUSPENDED'],
    run: act({ shelve: null }),
  },
  { name: 'unshelve', words: 'act.unshelve', states: ['SHELVED', 'SHELVED_OFFLOADED'], run: act({ unshelve: null }) },
  { name: 'confirm', words: 'act.confirmResize', states: ['VERIFY_RESIZE'], run: act({ confirmResize: null }) },
  { name: 'revert', words: 'act.revertResize', states: ['VERIFY_RESIZE'], run: act({ revertResize: null }) },
  { name: 'lock', words: 'act.lock', icon: 'lock', run: act({ lock: null }) },
  { name: 'unlock', words: 'act.unlock', run: act({ unlock: null }) },
  {
    name: 'delete',
    words: 'act.delete',
    icon: 'trash',
    warning: 'act.delete.warning',
    run: ({ id }) => remove('compute', `/servers/${id}`),
  },
];

/** Whether an action makes sense for a server as it is. */
export function makesSense({ name, states }: ServerAction, { status, locked }: Server): boolean {
  if (name === 'lock') return !locked;
  if (name === 'unlock') return locked;
  return states === undefined || states.includes(status);
}

/** Those of many: what at least one of them can do. */
export const actionsFor = (of: readonly Server[]): readonly ServerAction[] =>
  serverActions.filter((action) => of.some((server) => makesSense(action, server)));
