// Why: clients older than microversions look here for what the service can do.

import { notFound } from '../../base/errors.ts';
import { noQuery } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';
import { type Extension, extensions, legacyExtensions } from './extension-list.ts';

const list = ({ legacy }: Call): readonly Extension[] => (legacy ? legacyExtensions : extensions);

function show(call: Call): Extension {
  const found = list(call).find(({ alias }) => alias === call.params['alias']);
  if (found === undefined) throw notFound('The resource could not be found.');
  return found;
}

export default resource({
  'GET /extensions': route()({
    summary: 'List what the API could do before it had microversions.',
    policy: 'os_compute_api:extensions',
    query: noQuery,
    status: 200,
    run: list,
    view: (shown) => ({ extensions: shown }),
  }),
  'GET /extensions/:alias': route()({
    summary: 'Show one member of that list.',
    policy: 'os_compute_api:extensions',
    query: noQuery,
    status: 200,
    run: show,
    view: (extension) => ({ extension }),
  }),
});
