// Why: a server's addresses alone, for clients that need nothing else of it.

import { notFound } from '../../base/errors.ts';
import { loadDetails } from '../../db/server-details.ts';
import { noQuery } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';
import { plainAddresses } from './servers/view.ts';

type Addresses = ReturnType<typeof plainAddresses>;

async function addressesOf({ services, target }: Call<'server'>): Promise<Addresses> {
  const [detail] = await loadDetails(services.db, [target], { nics: true });
  return plainAddresses(detail?.nics ?? []);
}

async function show(call: Call<'server'>): Promise<Addresses> {
  const label = call.params['network'] as string;
  const addresses = await addressesOf(call);
  const list = Object.hasOwn(addresses, label) ? addresses[label] : undefined;
  if (list === undefined) throw notFound('Instance is not a member of specified network');
  return { [label]: list };
}

export default resource({
  'GET /servers/:server_id/ips': route<'server'>()({
    summary: 'List the addresses of a server, network by network.',
    policy: 'os_compute_api:ips:index',
    target: 'server',
    query: noQuery,
    status: 200,
    run: addressesOf,
    view: (addresses) => ({ addresses }),
  }),
  'GET /servers/:server_id/ips/:network': route<'server'>()({
    summary: 'List the addresses of a server in one network, which is named, not numbered.',
    policy: 'os_compute_api:ips:show',
    target: 'server',
    query: noQuery,
    status: 200,
    run: show,
    view: (addresses) => addresses,
  }),
});
