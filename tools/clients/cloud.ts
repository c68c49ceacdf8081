// Why: what the tests of a client find in a cloud: images, flavors, networks, users, and the files and variables that lead them there.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Service } from '../../test/support/serve.ts';

const BLANK = Buffer.alloc(1 << 20);
/** A second user, in a project of his own. */
const OTHER = { name: 'other', password: 'other-of-tests' };

// oxlint-disable-next-line typescript/no-explicit-any -- answers of services
export type Json = any;
export type Env = Readonly<Record<string, string>>;

export interface Cloud {
  readonly service: Service;
  /** Where the tests of this suite run; empty at first. */
  readonly workspace: string;
  /** As the administrator. Rejects where it is refused. */
  readonly ask: (method: string, path: string, body?: unknown) => Promise<Json>;
}

export const cloudOf = (service: Service, workspace: string): Cloud => ({
  service,
  workspace,
  async ask(method, path, body) {
    const answer = await service.request('xloud', method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  },
});

/** Makes a public image of one MiB; gives its id. */
export async function makeImage({ ask }: Cloud, name: string, properties: Env = {}): Promise<string> {
  const image = { name, visibility: 'public', disk_format: 'raw', container_format: 'bare', ...properties };
  const { id } = await ask('POST', '/image/v2/images', image);
  await ask('PUT', `/image/v2/images/${id}/file`, BLANK);
  return id as string;
}

export async function makeFlavors({ ask }: Cloud, ...flavors: readonly object[]): Promise<void> {
  for (const flavor of flavors)
    await ask('POST', '/compute/v2.1/flavors', { flavor: { vcpus: 1, disk: 1, ...flavor } });
}

/** Makes the network whose addresses float; gives its id. */
export async function makeOutside({ ask }: Cloud): Promise<string> {
  const { network } = await ask('POST', '/network/v2.0/networks', {
    network: { name: 'public', 'router:external': true },
  });
  const subnet = { network_id: network.id, ip_version: 4, cidr: '198.51.100.0/24' };
  await ask('POST', '/network/v2.0/subnets', { subnet });
  return network.id as string;
}

/** The network that every project has. */
export async function insideOf({ ask }: Cloud): Promise<{ id: string; name: string; subnets: string[] }> {
  const { networks } = await ask('GET', '/network/v2.0/networks?name=private');
  return networks[0];
}

/** Makes a second user, a member of a second project. */
async function makeOther({ ask }: Cloud): Promise<void> {
  const { project } = await ask('POST', '/identity/v3/projects', { project: { name: OTHER.name } });
  const { user } = await ask('POST', '/identity/v3/users', { user: OTHER });
  const { roles } = await ask('GET', '/identity/v3/roles?name=member');
  await ask('PUT', `/identity/v3/projects/${project.id}/users/${user.id}/roles/${roles[0].id}`);
}

/** The clouds of the service's own clouds.yaml: an administrator's, and a member's. */
export function cloudsOf({ service }: Cloud): { admin: Json; demo: Json } {
  const { clouds } = parse(readFileSync(join(service.dataDir, 'clouds.yaml'), 'utf8')) as Json;
  return { admin: clouds.xloud, demo: clouds['xloud-demo'] };
}

/** A clouds.yaml with the names that OpenStack's own clouds of tests have. */
export async function devstackClouds(cloud: Cloud): Promise<Json> {
  await makeOther(cloud);
  const { admin, demo } = cloudsOf(cloud);
  const { project_name: _p, project_domain_name: _d, ...person } = admin.auth;
  const other = { ...demo.auth, username: OTHER.name, password: OTHER.password, project_name: OTHER.name };
  return {
    devstack: demo,
    'devstack-admin': admin,
    'devstack-alt': { ...demo, auth: other },
    'devstack-system-admin': { ...admin, auth: { ...person, system_scope: 'all' } },
  };
}
