// Why: VMs are servers; whoever makes one says its size, and has a flavor of that.

import { badRequest } from '../../base/errors.ts';
import type { Action, Adjustment, ComputeClient, Server } from '../../client/compute.ts';
import { defaultSize, diskGbOf, diskMbOf, SSH_KEYS, stateOf, TEMPLATE, templateVariable } from './names.ts';
import { of, route } from '../kit/route.ts';
import { accepted, closed, flag, listOf, name, text, uuid, whole } from '../kit/schemas.ts';
import { action, adjustment, vm } from './schemas.ts';

type Variable = string | number | boolean | readonly string[];

interface CloudInit {
  readonly user_data_template?: string;
  readonly template_vars?: Readonly<Record<string, Variable>>;
  /** As it is, without base64. */
  readonly user_data?: string;
}

interface NewVm {
  readonly name: string;
  readonly image: string;
  readonly vcpus?: number;
  readonly memory_mb?: number;
  readonly disk_mb?: number;
  readonly flavor?: string;
  readonly networks?: 'auto' | 'none' | readonly string[];
  readonly key_name?: string;
  readonly cloud_init?: CloudInit;
}

const variable = {
  oneOf: [
    { type: 'string', maxLength: 255 },
    { type: 'integer' },
    { type: 'boolean' },
    { type: 'array', items: { type: 'string', minLength: 1, maxLength: 16_384 }, maxItems: 100 },
  ],
};

const newVm = closed(
  {
    name,
    image: name,
    vcpus: whole(1),
    memory_mb: whole(1),
    disk_mb: whole(1),
    flavor: name,
    networks: {
      oneOf: [
        { type: 'string', enum: ['auto', 'none'] },
        { type: 'array', items: uuid, maxItems: 32 },
      ],
    },
    key_name: name,
    cloud_init: closed({
      user_data_template: { type: 'string', minLength: 1, maxLength: 255 },
      template_vars: {
        type: 'object',
        maxProperties: 64,
        propertyNames: { pattern: '^[A-Za-z_][A-Za-z0-9_]{0,63}$' },
        additionalProperties: variable,
      },
      user_data: text(49_148),
    }),
  },
  ['name', 'image'],
);

function vmView(server: Server) {
  const { flavor, image, metadata } = server;
  const template = metadata[TEMPLATE];
  return {
    id: server.id,
    name: server.name,
    state: stateOf(server.status),
    task: server['OS-EXT-STS:task_state'],
    node_id: server['OS-EXT-SRV-ATTR:host'] ?? null,
    vcpus: flavor.vcpus,
    memory_mb: flavor.ram,
    disk_mb: diskMbOf(flavor.disk),
    flavor: flavor.original_name,
    image_id: image === '' ? null : image.id,
    addresses: Object.values(server.addresses).flatMap((list) => list.map(({ addr }) => addr)),
    cloud_init: template === undefined ? null : { user_data_template: template },
    fault: server.fault?.message ?? null,
    created_at: server.created,
    updated_at: server.updated,
  };
}

const adjustmentView = ({ server_id, status, vcpus, memory_mb, message }: Adjustment) => ({
  vm_id: server_id,
  status,
  vcpus,
  memory_mb,
  message,
});

/** With what it has now, and down to what it may be adjusted. */
async function shownVm(compute: ComputeClient, id: string) {
  const [server, { vcpus, memory_mb: memory }] = await Promise.all([
    compute.servers.show(id),
    compute.adjustment.show(id),
  ]);
  return {
    ...vmView(server),
    current: { vcpus: vcpus.current, memory_mb: memory.current },
    floor: { vcpus: vcpus.minimum, memory_mb: memory.minimum },
  };
}

const actionView = ({ action: word, request_id, start_time, updated_at, message, events = [] }: Action) => ({
  ...{ action: word, request_id, started_at: start_time, updated_at, failed: message !== null },
  message: events.map(({ details }) => details).find((text) => text) ?? message,
});

async function flavorOf(compute: ComputeClient, wish: NewVm): Promise<string> {
  if (wish.flavor === undefined) {
    const { vcpus, memory_mb, disk_mb } = { ...defaultSize, ...wish };
    return (await compute.sizedFlavor({ vcpus, memory_mb, disk_gb: diskGbOf(disk_mb) })).id;
  }
  if (wish.vcpus !== undefined || wish.memory_mb !== undefined || wish.disk_mb !== undefined)
    throw badRequest('A flavor has a size: either flavor is said, or vcpus, memory_mb and disk_mb.');
  return compute.flavorNamed(wish.flavor);
}

/** A variable as metadata of a server have it: lists are divided by commas. */
function variableText(name: string, value: Variable): string {
  if (typeof value !== 'object') return String(value);
  if (value.some((item) => item.includes(',')))
    throw badRequest(`template_vars: an item of ${name} has a comma in it.`);
  return value.join(',');
}

/** What a server is told of cloud-init: metadata that name a template, and user data beside it. */
function toldOf({ user_data_template: template, template_vars: variables = {}, user_data }: CloudInit) {
  const { [SSH_KEYS]: keys, ...others } = variables;
  if (template === undefined && Object.keys(others).length > 0)
    throw badRequest('template_vars are for a user_data_template, and none is named.');
  if (keys !== undefined && user_data !== undefined)
    throw badRequest(`${SSH_KEYS} and user_data: say the keys in the user data.`);
  // YAML of which JSON is a part
  const keyed = keys === undefined ? undefined : `#cloud-config\n${JSON.stringify({ [SSH_KEYS]: [keys].flat() })}\n`;
  const data = user_data ?? keyed;
  const metadata = Object.entries(others).map(([key, value]) => [templateVariable(key), variableText(key, value)]);
  return {
    ...(template === undefined ? {} : { metadata: { [TEMPLATE]: template, ...Object.fromEntries(metadata) } }),
    ...(data === undefined ? {} : { user_data: Buffer.from(data).toString('base64') }),
  };
}

async function create(compute: ComputeClient, wish: NewVm) {
  const { networks = 'auto' } = wish;
  const told = wish.cloud_init === undefined ? {} : toldOf(wish.cloud_init);
  const { id: imageRef } = await compute.images.find(wish.image);
  const { id } = await compute.servers.create({
    name: wish.name,
    imageRef,
    flavorRef: await flavorOf(compute, wish),
    networks: typeof networks === 'string' ? networks : networks.map((one) => ({ uuid: one })),
    ...(wish.key_name === undefined ? {} : { key_name: wish.key_name }),
    ...told,
  });
  return vmView(await compute.servers.show(id));
}

const tag = 'VMs';

const act = (path: string, summary: string, body: object, word: string) =>
  route({
    ...{ method: 'POST', path: `/vms/{vm_id}/${path}`, tag, summary, status: 202, answer: accepted },
    run: async (call) => {
      await call.compute.act(of(call, 'vm_id'), body);
      return { accepted: word, vm_id: of(call, 'vm_id') };
    },
  });

interface AdjustBody {
  readonly vcpus?: number;
  readonly memory_mb?: number;
  readonly persist?: boolean;
  readonly may_migrate?: boolean;
}

export const vmRoutes = [
  route({
    ...{ method: 'GET', path: '/vms', tag, summary: 'List the VMs of the project.', status: 200 },
    answer: listOf('vms', vm),
    run: async ({ compute }) => ({ vms: (await compute.servers.list()).map(vmView) }),
  }),
  route<NewVm>({
    ...{ method: 'POST', path: '/vms', tag, status: 202, body: newVm, answer: vm },
    summary: `Create a VM. What is not said of its size is ${defaultSize.vcpus} vCPUs, ${defaultSize.memory_mb} MB of memory and ${defaultSize.disk_mb} MB of disk.`,
    run: ({ compute, body }) => create(compute, body),
  }),
  route({
    ...{ method: 'GET', path: '/vms/{vm_id}', tag, status: 200, answer: vm },
    summary: 'Show a VM, with what it has now of its size and down to what it may be adjusted.',
    run: (call) => shownVm(call.compute, of(call, 'vm_id')),
  }),
  route({
    ...{ method: 'DELETE', path: '/vms/{vm_id}', tag, summary: 'Delete a VM.', status: 202, answer: accepted },
    run: async (call) => {
      await call.compute.servers.remove(of(call, 'vm_id'));
      return { accepted: 'delete', vm_id: of(call, 'vm_id') };
    },
  }),
  act('start', 'Start a VM that is stopped.', { 'os-start': null }, 'start'),
  act(
    'stop',
    'Stop a VM: its guest is asked to shut down, and switched off if it does not.',
    { 'os-stop': null },
    'stop',
  ),
  act('restart', 'Restart a VM.', { reboot: { type: 'SOFT' } }, 'restart'),
  route({
    ...{ method: 'GET', path: '/vms/{vm_id}/actions', tag, status: 200, answer: listOf('actions', action) },
    summary: 'List what was done with a VM, the newest first, and why what failed did.',
    run: async (call) => {
      const id = of(call, 'vm_id');
      const [newest, ...older] = await call.compute.actions.list(id);
      if (newest === undefined) return { actions: [] };
      // the reason of the newest is what one asks for
      const whole = newest.message === null ? newest : await call.compute.actions.show(id, newest.request_id);
      return { actions: [whole, ...older].map(actionView) };
    },
  }),
  route<AdjustBody>({
    ...{ method: 'POST', path: '/vms/{vm_id}/adjust', tag, status: 202, answer: adjustment },
    summary: 'Change the vCPUs or the memory of a VM as it runs, between its floor and its size.',
    body: { ...closed({ vcpus: whole(1), memory_mb: whole(1), persist: flag, may_migrate: flag }), minProperties: 1 },
    run: async (call) => {
      const { vcpus, memory_mb, ...how } = call.body;
      const wish = { ...how, current_vcpus: vcpus, current_memory_mb: memory_mb };
      return adjustmentView(await call.compute.adjustment.change(of(call, 'vm_id'), wish));
    },
  }),
  route({
    ...{ method: 'GET', path: '/vms/{vm_id}/adjust', tag, status: 200, answer: adjustment },
    summary: 'Show what a VM has of its size, what it shall have, and what it may have.',
    run: async (call) => adjustmentView(await call.compute.adjustment.show(of(call, 'vm_id'))),
  }),
];
