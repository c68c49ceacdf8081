// Why: a flavor that is not public is for chosen projects; this is where they are chosen.

import { conflict, notFound } from '../../base/errors.ts';
import { versioned } from '../../base/history.ts';
import { flavorProjects } from '../../db/flavors.ts';
import type { Flavor } from '../../domain/machines/flavors.ts';
import { closed, noQuery, wrapped } from '../parameters.ts';
import { checkProject } from '../projects.ts';
import { type Call, resource, route } from '../resource.ts';

const tenant = closed({ tenant: { type: 'string', minLength: 1, maxLength: 255 } }, ['tenant']);

interface AddBody {
  readonly addTenantAccess: { readonly tenant: string };
}
interface RemoveBody {
  readonly removeTenantAccess: { readonly tenant: string };
}

/** From 2.7 on a public flavor, which everybody may use, takes no list. */
const refusesPublic = versioned(false, ['2.7', true]);

interface Access {
  readonly flavor: Flavor;
  readonly projects: readonly string[];
}

const view = ({ flavor, projects }: Access) => ({
  flavor_access: projects.map((project) => ({ flavor_id: flavor.flavorid, tenant_id: project })),
});

const accessOf = async ({ services, target }: Call<'flavor'>): Promise<Access> => ({
  flavor: target,
  projects: await flavorProjects(services.db, target.id),
});

function index(call: Call<'flavor'>): Promise<Access> {
  if (call.target.isPublic) throw notFound('Access list not available for public flavors.');
  return accessOf(call);
}

async function add(call: Call<'flavor', AddBody>): Promise<Access> {
  const { op, services, target, body } = call;
  const project = body.addTenantAccess.tenant;
  if (target.isPublic && refusesPublic.at(op.minor)) throw conflict('Can not add access to a public flavor.');
  await services.ops.addFlavorAccess(op, target, project);
  return accessOf(call as Call<'flavor'>);
}

async function remove(call: Call<'flavor', RemoveBody>): Promise<Access> {
  const { op, services, target, body } = call;
  // a project that is no more is taken from the list too
  await services.ops.removeFlavorAccess(op, target, body.removeTenantAccess.tenant);
  return accessOf(call as Call<'flavor'>);
}

export default resource({
  'GET /flavors/:flavor_id/os-flavor-access': route<'flavor'>()({
    summary: 'List the projects that may use a flavor that is not public.',
    policy: 'os_compute_api:os-flavor-access',
    target: 'flavor',
    query: noQuery,
    status: 200,
    run: index,
    view,
  }),
  'POST /flavors/:flavor_id/action#addTenantAccess': route<'flavor', AddBody>()({
    summary: 'Let a project use a flavor.',
    policy: 'os_compute_api:os-flavor-access:add_tenant_access',
    target: 'flavor',
    body: wrapped('addTenantAccess', tenant),
    beforeTarget: (asked) => checkProject(asked, asked.body.addTenantAccess.tenant),
    status: 200,
    run: add,
    view,
  }),
  'POST /flavors/:flavor_id/action#removeTenantAccess': route<'flavor', RemoveBody>()({
    summary: 'No longer let a project use a flavor.',
    policy: 'os_compute_api:os-flavor-access:remove_tenant_access',
    target: 'flavor',
    body: wrapped('removeTenantAccess', tenant),
    status: 200,
    run: remove,
    view,
  }),
});
