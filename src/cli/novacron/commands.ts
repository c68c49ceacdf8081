// Why: a command is one entry: its words, its flags, the call that it is, and how its answer is read.

import { badRequest } from '../../base/errors.ts';
import type { Shape } from './show.ts';
import { isGone, isMade, isMoved, vmRests, type WaitParts } from './wait.ts';

/** Flags as commander gives them: `--vm-id` is `vmId`. */
export type Flags = Readonly<Record<string, string | number | boolean | undefined>>;
type Tree = Record<string, unknown>;

export interface Flag {
  /** `--vm-id <vm-id>` */
  readonly flag: string;
  readonly description: string;
  readonly required?: true;
  /** Read as a whole number. */
  readonly whole?: true;
  readonly choices?: readonly string[];
}

export interface FaceCommand {
  /** `vm snapshot create` */
  readonly words: string;
  readonly description: string;
  readonly flags: readonly Flag[];
  readonly request: (flags: Flags) => { readonly method: string; readonly path: string; readonly body?: object };
  readonly shape: Shape;
  /** Absent: it has ended with its answer. */
  readonly wait?: (parts: WaitParts, answer: Tree, flags: Flags) => Promise<Tree>;
}

const flag = (name: string, description: string, more: Partial<Flag> = {}): Flag => ({
  flag: name,
  description,
  ...more,
});
const must = (name: string, description: string): Flag => flag(name, description, { required: true });

const vmId = must('--vm-id <vm-id>', 'the VM');
const idOf = (kind: string): Flag => must(`--${kind}-id <${kind}-id>`, `the ${kind}`);

/** One part of a path. */
const part = (value: Flags[string]): string => encodeURIComponent(String(value));
const vm = ({ vmId: id }: Flags, rest = ''): string => `/vms/${part(id)}${rest}`;

/** An object with those members that are there. */
const some = (values: Readonly<Record<string, unknown>>): object =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

function jsonOf(name: string, text: Flags[string]): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(String(text)) as unknown;
  } catch {
    throw badRequest(`${name}: ${String(text)} is not JSON`);
  }
}

/** `key=value`s with commas between them. */
function tagsOf(text: Flags[string]): object | undefined {
  if (text === undefined) return undefined;
  const pairs = String(text).split(',');
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw badRequest(`--tags: '${pair}' is not KEY=VALUE`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

const rests: NonNullable<FaceCommand['wait']> = (parts, _answer, flags) => vmRests(parts, part(flags['vmId']));

const act = (word: string, description: string): FaceCommand => ({
  ...{ words: `vm ${word}`, description, flags: [vmId], shape: {}, wait: rests },
  request: (flags) => ({ method: 'POST', path: vm(flags, `/${word}`) }),
});

const VM_COLUMNS = ['id', 'name', 'state', 'node_id', 'vcpus', 'memory_mb', 'disk_mb', 'addresses'];

const vmCommands: readonly FaceCommand[] = [
  {
    ...{ words: 'vm list', description: 'list the VMs of the project', flags: [] },
    request: () => ({ method: 'GET', path: '/vms' }),
    shape: { list: 'vms', columns: VM_COLUMNS },
  },
  {
    ...{ words: 'vm create', description: 'create a VM', shape: {} },
    flags: [
      must('--name <name>', 'its name'),
      must('--image <image>', 'id or name of its image'),
      flag('--vcpus <vcpus>', 'how many vCPUs', { whole: true }),
      flag('--memory <memory_mb>', 'how much memory, in MB', { whole: true }),
      flag('--disk <disk_mb>', 'how large a disk, in MB', { whole: true }),
      flag('--flavor <flavor>', 'id or name of a flavor, in place of a size'),
      flag('--key-name <name>', 'a key pair for its SSH'),
      flag('--cloud-init-template <name>', 'a template for cloud-init'),
      flag('--template-vars <json>', "the template's variables, as JSON"),
    ],
    request: (flags) => {
      const template = { user_data_template: flags['cloudInitTemplate'] };
      const told = some({ ...template, template_vars: jsonOf('--template-vars', flags['templateVars']) });
      const { name, image, vcpus, memory: memory_mb, disk: disk_mb, flavor, keyName: key_name } = flags;
      const cloud_init = Object.keys(told).length === 0 ? undefined : told;
      const body = some({ name, image, vcpus, memory_mb, disk_mb, flavor, key_name, cloud_init });
      return { method: 'POST', path: '/vms', body };
    },
    wait: (parts, { id }) => vmRests(parts, String(id)),
  },
  {
    ...{ words: 'vm show', description: 'show a VM', flags: [vmId], shape: {} },
    request: (flags) => ({ method: 'GET', path: vm(flags) }),
  },
  {
    ...{ words: 'vm delete', description: 'delete a VM', flags: [vmId], shape: {} },
    request: (flags) => ({ method: 'DELETE', path: vm(flags) }),
    wait: (parts, answer, flags) => isGone(parts, vm(flags), answer),
  },
  act('start', 'start a VM'),
  act('stop', 'stop a VM'),
  act('restart', 'restart a VM'),
  {
    ...{ words: 'vm adjust', description: 'change the size of a VM as it runs', shape: {}, wait: rests },
    flags: [
      vmId,
      flag('--vcpus <vcpus>', 'how many vCPUs', { whole: true }),
      flag('--memory <memory_mb>', 'how much memory, in MB', { whole: true }),
    ],
    request: (flags) => ({
      ...{ method: 'POST', path: vm(flags, '/adjust') },
      body: some({ vcpus: flags['vcpus'], memory_mb: flags['memory'] }),
    }),
  },
  {
    ...{ words: 'vm actions', description: 'list what was done with a VM', flags: [vmId] },
    request: (flags) => ({ method: 'GET', path: vm(flags, '/actions') }),
    shape: { list: 'actions', columns: ['action', 'started_at', 'failed', 'message'] },
  },
];

function copyCommands(kind: 'snapshot' | 'backup'): readonly FaceCommand[] {
  const many = `${kind}s`;
  const id = idOf(kind);
  const one = (flags: Flags): string => `/${many}/${part(flags[`${kind}Id`])}`;
  const type = flag('--type <type>', 'all of the disk, or what changed since the last one', {
    choices: ['full', 'incremental'],
  });
  return [
    {
      ...{ words: `vm ${kind} list`, description: `list the ${many} of a VM`, flags: [vmId] },
      request: (flags) => ({ method: 'GET', path: vm(flags, `/${many}`) }),
      shape: {
        list: many,
        columns: ['id', 'name', ...(kind === 'backup' ? ['type'] : []), 'state', 'size_bytes', 'created_at'],
      },
    },
    {
      ...{ words: `vm ${kind} create`, description: `make a ${kind} of a VM`, shape: {} },
      flags: [
        vmId,
        must('--name <name>', 'its name'),
        flag('--description <description>', 'what it is for'),
        flag('--tags <tags>', 'KEY=VALUE, several with commas'),
        ...(kind === 'backup' ? [type] : []),
      ],
      request: (flags) => {
        const { name, description, type: kindOf } = flags;
        const body = some({ name, description, tags: tagsOf(flags['tags']), type: kindOf });
        return { method: 'POST', path: vm(flags, `/${many}`), body };
      },
      wait: (parts, { id: made }) => isMade(parts, `/${many}/${String(made)}`),
    },
    {
      ...{ words: `vm ${kind} show`, description: `show a ${kind}`, flags: [id], shape: {} },
      request: (flags) => ({ method: 'GET', path: one(flags) }),
    },
    {
      ...{ words: `vm ${kind} delete`, description: `delete a ${kind}`, flags: [id], shape: {} },
      request: (flags) => ({ method: 'DELETE', path: one(flags) }),
      wait: (parts, answer, flags) => isGone(parts, one(flags), answer),
    },
    {
      ...{ words: `vm ${kind} restore`, description: `give a VM the disk of a ${kind}`, flags: [vmId, id], shape: {} },
      request: (flags) => ({ method: 'POST', path: vm(flags, `${one(flags)}/restore`) }),
      wait: rests,
    },
  ];
}

const performanceCommands: readonly FaceCommand[] = [
  {
    ...{ words: 'performance profile list', description: 'list the performance profiles', flags: [] },
    request: () => ({ method: 'GET', path: '/performance/profiles' }),
    shape: { list: 'profiles', columns: ['name', 'description'] },
  },
  {
    ...{ words: 'vm performance apply-profile', description: 'give a VM a profile from its next start on', shape: {} },
    flags: [vmId, must('--profile <profile>', 'the profile')],
    request: (flags) => ({
      ...{ method: 'POST', path: vm(flags, '/performance/profile'), body: { profile: flags['profile'] } },
    }),
  },
  {
    ...{ words: 'vm performance metrics', description: 'show what a VM takes', flags: [vmId], shape: {} },
    request: (flags) => ({ method: 'GET', path: vm(flags, '/performance/metrics') }),
  },
];

const oneMigration = ({ migrationId: id }: Flags, rest = ''): string => `/migrations/${part(id)}${rest}`;

const migrationCommands: readonly FaceCommand[] = [
  {
    ...{ words: 'vm migrate', description: 'move a VM to another node', shape: {} },
    flags: [
      vmId,
      flag('--target-node <target-node>', 'the node; without it the scheduler chooses'),
      flag('--live', 'as it runs'),
    ],
    request: (flags) => ({
      ...{ method: 'POST', path: vm(flags, '/migrate') },
      body: some({ target_node_id: flags['targetNode'], options: { live_migration: flags['live'] === true } }),
    }),
    wait: (parts, { id }) => isMoved(parts, String(id)),
  },
  {
    ...{ words: 'migration status', description: 'show how a migration stands', flags: [idOf('migration')], shape: {} },
    request: (flags) => ({ method: 'GET', path: oneMigration(flags) }),
  },
  {
    ...{ words: 'migration cancel', description: 'give a migration up', flags: [idOf('migration')], shape: {} },
    request: (flags) => ({ method: 'POST', path: oneMigration(flags, '/cancel') }),
    wait: (parts, _answer, flags) => isMoved(parts, part(flags['migrationId']), 'cancelled'),
  },
  {
    ...{
      words: 'migration confirm',
      description: 'confirm an offline migration',
      flags: [idOf('migration')],
      shape: {},
    },
    request: (flags) => ({ method: 'POST', path: oneMigration(flags, '/confirm') }),
    wait: (parts, { vm_id: id }) => vmRests(parts, String(id)),
  },
];

const otherCommands: readonly FaceCommand[] = [
  {
    ...{ words: 'cloudinit template list', description: 'list the templates for cloud-init', flags: [] },
    request: () => ({ method: 'GET', path: '/cloudinit/templates' }),
    shape: { list: 'templates', columns: ['name', 'version', 'source', 'description'] },
  },
  {
    ...{ words: 'vm cloudinit status', description: 'show what cloud-init came to', flags: [vmId], shape: {} },
    request: (flags) => ({ method: 'GET', path: vm(flags, '/cloudinit/status') }),
  },
  {
    ...{ words: 'vm cloudinit logs', description: "print the end of cloud-init's log", flags: [vmId] },
    request: (flags) => ({ method: 'GET', path: vm(flags, '/cloudinit/logs') }),
    shape: { text: 'log' },
  },
  {
    ...{ words: 'node status', description: 'show what nodes have, what is held of it, and how busy they are' },
    flags: [],
    request: () => ({ method: 'GET', path: '/nodes' }),
    shape: {
      list: 'nodes',
      columns: [
        ...['id', 'state', 'status', 'load', 'vms', 'vcpus.used', 'vcpus.total', 'memory_mb.used', 'memory_mb.total'],
        ...['disk_mb.used', 'disk_mb.total'],
      ],
    },
  },
  {
    ...{ words: 'image list', description: 'list the images that VMs may be made of', flags: [] },
    request: () => ({ method: 'GET', path: '/images' }),
    shape: { list: 'images', columns: ['id', 'name', 'state', 'format', 'size_bytes'] },
  },
];

export const faceCommands: readonly FaceCommand[] = [
  ...vmCommands,
  ...copyCommands('snapshot'),
  ...copyCommands('backup'),
  ...performanceCommands,
  ...migrationCommands,
  ...otherCommands,
];
