// Why: extra specs steer the scheduler and the hypervisor. Three of them are of live adjustment (minimum_cpu, minimum_memory,
// xloud:memory_method) and are checked at every microversion (by the verb); Nova's own are checked from 2.86 on, here.

import { badRequest, notFound } from '../../base/errors.ts';
import { versioned } from '../../base/history.ts';
import { extraSpecProblem } from '../../domain/machines/extra-specs.ts';
import { closed, noQuery } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';

const KEY = '^[a-zA-Z0-9-_:. ]{1,255}$';
const specs = {
  type: 'object',
  patternProperties: { [KEY]: { type: ['string', 'number'], maxLength: 255 } },
  additionalProperties: false,
};

type Specs = Readonly<Record<string, string | number>>;

const validated = versioned(false, ['2.86', true]);

/** Extra specs as they are kept. */
const textsOf = (given: Specs): Record<string, string> =>
  Object.fromEntries(Object.entries(given).map(([key, value]) => [key, String(value)]));

/** Throws a 400 for what Nova's validators refuse at this version. */
function checkValues(given: Specs, minor: number): void {
  if (!validated.at(minor)) return;
  for (const [key, value] of Object.entries(textsOf(given))) {
    const problem = extraSpecProblem(key, value);
    if (problem !== null) throw badRequest(`Validation failed; ${problem}`);
  }
}

async function create({ op, services, target, body }: Call<'flavor', { readonly extra_specs: Specs }>) {
  await services.ops.setFlavorExtraSpecs(op, target, textsOf(body.extra_specs));
  return body;
}

async function update({ op, services, target, body }: Call<'flavor', Specs>) {
  await services.ops.setFlavorExtraSpecs(op, target, textsOf(body));
  return body;
}

function show({ params, target }: Call<'flavor'>) {
  const key = params['key'] as string;
  if (!Object.hasOwn(target.extraSpecs, key)) {
    throw notFound(`Flavor ${target.flavorid} has no extra specs with key ${key}.`);
  }
  return { [key]: target.extraSpecs[key] };
}

const same = (shown: unknown): unknown => shown;

export default resource({
  'GET /flavors/:flavor_id/os-extra_specs': route<'flavor'>()({
    summary: 'List the extra specs of a flavor.',
    policy: 'os_compute_api:os-flavor-extra-specs:index',
    target: 'flavor',
    query: noQuery,
    status: 200,
    run: ({ target }) => target,
    view: (flavor) => ({ extra_specs: flavor.extraSpecs }),
  }),
  'POST /flavors/:flavor_id/os-extra_specs': route<'flavor', { readonly extra_specs: Specs }>()({
    summary: 'Set extra specs of a flavor; those that are not named stay.',
    policy: 'os_compute_api:os-flavor-extra-specs:create',
    target: 'flavor',
    body: closed({ extra_specs: specs }, ['extra_specs']),
    beforeTarget: ({ op, body }) => checkValues(body.extra_specs, op.minor),
    status: 200,
    run: create,
    view: same,
  }),
  'GET /flavors/:flavor_id/os-extra_specs/:key': route<'flavor'>()({
    summary: 'Show one extra spec of a flavor.',
    policy: 'os_compute_api:os-flavor-extra-specs:show',
    target: 'flavor',
    query: noQuery,
    status: 200,
    run: show,
    view: same,
  }),
  'PUT /flavors/:flavor_id/os-extra_specs/:key': route<'flavor', Specs>()({
    summary: 'Change one extra spec of a flavor.',
    policy: 'os_compute_api:os-flavor-extra-specs:update',
    target: 'flavor',
    body: { ...specs, minProperties: 1, maxProperties: 1 },
    beforeTarget({ op, params, body }) {
      checkValues(body, op.minor);
      if (!Object.hasOwn(body, params['key'] as string)) throw badRequest('Request body and URI mismatch');
    },
    status: 200,
    run: update,
    view: same,
  }),
  'DELETE /flavors/:flavor_id/os-extra_specs/:key': route<'flavor'>()({
    summary: 'Remove one extra spec of a flavor.',
    policy: 'os_compute_api:os-flavor-extra-specs:delete',
    target: 'flavor',
    status: 200,
    run: ({ op, services, params, target }) => services.ops.deleteFlavorExtraSpec(op, target, params['key'] as string),
  }),
});
