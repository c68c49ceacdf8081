// Why: what new VMs may be told by a template, and what became of it in one.

import { segment } from '../../client/compute.ts';
import { of, route } from '../kit/route.ts';
import { listOf } from '../kit/schemas.ts';
import { cloudInitLogs, cloudInitStatus, template } from './schemas.ts';

interface Status {
  readonly server_id: string;
  readonly source: string | null;
  readonly log: string | null;
}

const pathOf = (vm: string): string => `/servers/${segment(vm)}/os-xloud-cloud-init`;
const tag = 'Cloud-init';

export const cloudInitRoutes = [
  route({
    ...{ method: 'GET', path: '/cloudinit/templates', tag, status: 200, answer: listOf('templates', template) },
    summary: "List the templates for cloud-init, each with its variables' JSON Schema.",
    run: ({ compute }) => compute.ask('GET', '/os-xloud-cloud-init-templates'),
  }),
  route({
    ...{ method: 'GET', path: '/vms/{vm_id}/cloudinit/status', tag, status: 200, answer: cloudInitStatus },
    summary: 'Show what cloud-init came to in a VM, as its guest tells it.',
    run: async (call) => {
      const { server_id, log: _log, ...status } = await call.compute.ask<Status>('GET', pathOf(of(call, 'vm_id')));
      return { vm_id: server_id, ...status };
    },
  }),
  route({
    ...{ method: 'GET', path: '/vms/{vm_id}/cloudinit/logs', tag, status: 200, answer: cloudInitLogs },
    summary: "Show the end of cloud-init's log in a VM.",
    run: async (call) => {
      const { server_id, source, log } = await call.compute.ask<Status>('GET', pathOf(of(call, 'vm_id')));
      return { vm_id: server_id, source, log };
    },
  }),
];
