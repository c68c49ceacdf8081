// Why: sellers of machines by the hour ask for a plan and a template, and want to know how their customer gets in. A deployment is a server; what
// is not in the server's row is in its metadata.

import { badRequest, Fault } from '../../base/errors.ts';
import type { ComputeClient, Server } from '../../client/compute.ts';
import { segment } from '../../client/compute.ts';
import { Refusal } from '../../client/refusal.ts';
import { of, route } from '../kit/route.ts';
import { accepted, answer, closed, listOf, name, orNull } from '../kit/schemas.ts';
import { newPassword, userDataOf } from './first-boot.ts';
import { checkTold, findTemplate } from './template.ts';

const TYPE = 'deployment:type';
const PLAN = 'deployment:plan';
const OS = 'deployment:template';

interface NewDeployment {
  readonly name: string;
  readonly deployment_type: 'kvm';
  readonly kvm_config: { readonly plan: string; readonly template: string; readonly ssh_keys?: readonly string[] };
}

const publicKey = {
  ...{ type: 'string', minLength: 16, maxLength: 16_384 },
  // one line, as in authorized_keys
  pattern: String.raw`^(ssh-(rsa|ed25519|dss)|ecdsa-sha2-nistp(256|384|521)|sk-[a-z0-9@.-]+) [A-Za-z0-9+/=.]+( [^\r\n]*)?$`,
};

const newDeployment = closed(
  {
    name,
    deployment_type: { type: 'string', enum: ['kvm'] },
    kvm_config: closed({ plan: name, template: name, ssh_keys: { type: 'array', items: publicKey, maxItems: 32 } }, [
      'plan',
      'template',
    ]),
  },
  ['name', 'deployment_type', 'kvm_config'],
);

const deployment = answer(
  {
    ...{ id: { type: 'string' }, name: { type: 'string' }, deployment_type: { type: 'string' } },
    status: { type: 'string', description: 'pending, running, stopped, failed, or what else the server is.' },
    kvm_config: answer({ plan: orNull('string'), template: orNull('string') }),
    addresses: { type: 'array', items: { type: 'string' } },
    ssh_command: { ...orNull('string'), description: 'How to get in; null: it has no address yet. Not in lists.' },
    root_password: { ...orNull('string'), description: 'Only in the answer to its creation.' },
    ...{ fault: orNull('string'), created_at: { type: 'string' } },
  },
  ['ssh_command', 'root_password'],
);

const statuses: Readonly<Record<string, string>> = {
  ...{ BUILD: 'pending', ACTIVE: 'running', SHUTOFF: 'stopped', ERROR: 'failed' },
};

const addressesOf = ({ addresses }: Server): string[] =>
  Object.values(addresses).flatMap((some) => some.map(({ addr }) => addr));

interface SshPort {
  readonly port: number;
  readonly address: string;
}

/** A port of the host that leads to the server's SSH; null: there are none here, or none is left. */
async function sshPort(compute: ComputeClient, id: string, method: 'GET' | 'PUT'): Promise<SshPort | null> {
  try {
    return await compute.ask<SshPort>(method, `/servers/${segment(id)}/os-xloud-ssh-port`);
  } catch (error) {
    if (error instanceof Refusal && error.status < 500) return null;
    if (error instanceof Fault && error.kind === 'notImplemented') return null;
    throw error;
  }
}

function sshCommand(server: Server, port: SshPort | null): string | null {
  if (port !== null) return `ssh -p ${port.port} root@${port.address}`;
  const [address] = addressesOf(server);
  return address === undefined ? null : `ssh root@${address}`;
}

const view = (server: Server) => ({
  id: server.id,
  name: server.name,
  deployment_type: 'kvm',
  status: statuses[server.status] ?? server.status.toLowerCase(),
  kvm_config: { plan: server.metadata[PLAN] ?? null, template: server.metadata[OS] ?? null },
  addresses: addressesOf(server),
  fault: server.fault?.message ?? null,
  created_at: server.created,
});

/** With how to get in, which is asked for each deployment alone. */
const shown = (server: Server, port: SshPort | null) => ({ ...view(server), ssh_command: sshCommand(server, port) });

async function planId(compute: ComputeClient, wanted: string): Promise<string> {
  const { plans } = await compute.ask<{ plans: { id: string; name: string }[] }>('GET', '/os-xloud-plans');
  const plan = plans.find((one) => one.name === wanted || one.id === wanted);
  if (plan === undefined)
    throw badRequest(`There is no plan ${wanted}; there are: ${plans.map((one) => one.name).join(', ')}.`);
  return plan.id;
}

async function create(compute: ComputeClient, { name: called, kvm_config: wish }: NewDeployment) {
  const { plan, template: os, ssh_keys: keys = [] } = wish;
  const template = await findTemplate(compute, os);
  checkTold(template, keys);
  const flavorRef = await planId(compute, plan);
  const password = template.supportsCloudInit ? newPassword() : null;
  const { id } = await compute.servers.create({
    ...{ name: called, imageRef: template.imageId, flavorRef, networks: 'auto' },
    metadata: { [TYPE]: 'kvm', [PLAN]: plan, [OS]: os },
    ...(password === null ? {} : { user_data: Buffer.from(userDataOf(keys, password)).toString('base64') }),
  });
  // it is there, and this answer is the only one with its password
  const port = await sshPort(compute, id, 'PUT').catch(() => null);
  return { ...shown(await compute.servers.show(id), port), root_password: password };
}

/** Only what was made as a deployment. Throws 404. */
async function find(compute: ComputeClient, id: string): Promise<Server> {
  const server = await compute.servers.show(id);
  if (server.metadata[TYPE] === 'kvm') return server;
  throw new Fault('notFound', `There is no deployment ${id}.`);
}

const tag = 'Deployments';
const one = '/deployments/{deployment_id}/';

const act = (word: string, summary: string, body: object) =>
  route({
    ...{ method: 'POST', path: `${one}${word}/`, tag, summary, status: 202, answer: accepted },
    run: async (call) => {
      const { id } = await find(call.compute, of(call, 'deployment_id'));
      await call.compute.act(id, body);
      return { accepted: word, vm_id: id };
    },
  });

export const deploymentRoutes = [
  route({
    ...{ method: 'GET', path: '/deployments/', tag, summary: 'List the deployments of the project.', status: 200 },
    answer: listOf('deployments', deployment),
    run: async ({ compute }) => ({
      deployments: (await compute.servers.list()).filter(({ metadata }) => metadata[TYPE] === 'kvm').map(view),
    }),
  }),
  route<NewDeployment>({
    ...{ method: 'POST', path: '/deployments/', tag, status: 201, body: newDeployment, answer: deployment },
    summary: 'Deploy a machine of a plan with a template; the answer has its password, which is shown once.',
    run: ({ compute, body }) => create(compute, body),
  }),
  route({
    ...{ method: 'GET', path: one, tag, summary: 'Show a deployment, with how to get in.', status: 200 },
    answer: deployment,
    run: async (call) => {
      const server = await find(call.compute, of(call, 'deployment_id'));
      return shown(server, await sshPort(call.compute, server.id, 'GET'));
    },
  }),
  route({
    ...{ method: 'DELETE', path: one, tag, summary: 'Delete a deployment.', status: 202, answer: accepted },
    run: async (call) => {
      const { id } = await find(call.compute, of(call, 'deployment_id'));
      await call.compute.servers.remove(id);
      return { accepted: 'delete', vm_id: id };
    },
  }),
  act('start', 'Start a deployment that is stopped.', { 'os-start': null }),
  act('stop', 'Stop a deployment.', { 'os-stop': null }),
  act('restart', 'Restart a deployment.', { reboot: { type: 'SOFT' } }),
];
