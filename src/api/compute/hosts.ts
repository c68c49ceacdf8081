// Why: before hypervisors and services there were hosts; clients of up to 2.42 still look at them. Switching machines on and off
// over this API is for hypervisors that can; libvirt is none of them, here as in Nova.

import { notFound, notImplemented } from '../../base/errors.ts';
import { projectUse } from '../../db/host-servers.ts';
import { findHost } from '../../db/hosts.ts';
import { listServices } from '../../db/services.ts';
import type { Amounts } from '../../domain/placement/resources.ts';
import type { Host } from '../../domain/placement/hosts.ts';
import { closed, multi, query, text } from '../parameters.ts';
import { type Call, type Route, resource, route } from '../resource.ts';
import { usedOf } from './hypervisors.ts';
import { isApiService } from './services.ts';

const UNTIL = '2.42';

async function list({ query: asked, services }: Call) {
  const zone = asked['zone']?.at(-1);
  const found = await listServices(services.db);
  return found.filter((service) => !service.disabled && !isApiService(service) && (!zone || service.zone === zone));
}

async function hostOf({ params, services }: Pick<Call, 'params' | 'services'>): Promise<Host> {
  const name = params['host_name'] as string;
  const host = await findHost(services.db, { host: name });
  if (host === null) throw notFound(`Host '${name}' is not mapped to any cell`);
  return host;
}

/** What the host has, what is claimed of it, what its servers' flavors add up to, and the same for each project. */
async function show(call: Call) {
  const host = await hostOf(call);
  const projects = await projectUse(call.services.db, host.host);
  const most = projects.reduce(
    (sum, use) => ({
      vcpus: sum.vcpus + use.vcpus,
      memoryMb: sum.memoryMb + use.memoryMb,
      diskGb: sum.diskGb + use.diskGb,
    }),
    { vcpus: 0, memoryMb: 0, diskGb: 0 },
  );
  const row = (project: string, { vcpus, memoryMb, diskGb }: Amounts) => ({
    resource: { host: host.host, project, cpu: vcpus, memory_mb: memoryMb, disk_gb: diskGb },
  });
  return [
    row('(total)', host.inventory),
    row('(used_now)', usedOf(host)),
    row('(used_max)', most),
    ...projects.map((use) => row(use.projectId, use)),
  ];
}

/** No driver here can switch its machine: 501 for a host that is there. */
async function unable(call: Call): Promise<never> {
  await hostOf(call);
  throw notImplemented('The requested functionality is not supported.');
}

const word = { type: 'string', enum: ['enable', 'disable', 'Enable', 'Disable', 'ENABLE', 'DISABLE'] };
const updateBody = {
  ...closed({ status: word, maintenance_mode: word }),
  anyOf: [{ required: ['status'] }, { required: ['maintenance_mode'] }],
};

const power = (policy: string, summary: string): Route =>
  route()({ summary, policy, until: UNTIL, query: {}, status: 200, run: unable });

export default resource({
  'GET /os-hosts': route()({
    summary: 'List the hosts of services that are enabled.',
    policy: 'os_compute_api:os-hosts:list',
    until: UNTIL,
    query: query({ zone: multi(text) }, 'lenient'),
    status: 200,
    run: list,
    view: (found) => ({
      hosts: found.map(({ host, binary, zone }) => ({
        host_name: host,
        service: binary.replace(/^nova-/, ''),
        zone,
      })),
    }),
  }),
  'GET /os-hosts/:host_name': route()({
    summary: 'Show what a host has and what projects use of it.',
    policy: 'os_compute_api:os-hosts:show',
    until: UNTIL,
    query: {},
    status: 200,
    run: show,
    view: (host) => ({ host }),
  }),
  'PUT /os-hosts/:host_name': route()({
    summary: 'Switch a host on, off or into maintenance: not supported by any hypervisor here.',
    policy: 'os_compute_api:os-hosts:update',
    until: UNTIL,
    body: updateBody,
    status: 200,
    run: unable,
  }),
  'GET /os-hosts/:host_name/startup': power(
    'os_compute_api:os-hosts:start',
    'Start a host: not supported by any hypervisor here.',
  ),
  'GET /os-hosts/:host_name/shutdown': power(
    'os_compute_api:os-hosts:shutdown',
    'Shut a host down: not supported by any hypervisor here.',
  ),
  'GET /os-hosts/:host_name/reboot': power(
    'os_compute_api:os-hosts:reboot',
    'Reboot a host: not supported by any hypervisor here.',
  ),
});
