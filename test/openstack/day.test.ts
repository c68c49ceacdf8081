// Compute in Nova's place: a whole OpenStack of Debian's Keystone, Glance, Placement and Neutron with OVN, and a day of those who use it, by the stock
// client: effects that guests, hypervisors and whoever is outside see.

import { after, before, describe } from 'node:test';
import { defaultFilters } from '../../src/scheduler/index.ts';
import { type OpenstackCloud, openstackMissing, startOpenstackCloud } from '../support/openstack-cloud.ts';
import { type Stock, stockCloud } from '../support/openstack-stock.ts';
import { describeAdministrator } from './administrator.ts';
import { describeIdentity, describeJws } from './identity.ts';
import { describePlacement } from './placement.ts';
import { describeCleaning, describeTenant } from './tenant.ts';
import { type World, worldOf } from './world.ts';

describe('an OpenStack around it', { skip: openstackMissing() ?? false, concurrency: 1 }, () => {
  let cloud: OpenstackCloud;
  let given: { readonly world: World; readonly stock: Stock };

  before(
    async () => {
      // as in Nova it is off by default
      const enabled_filters = [...defaultFilters, 'AggregateInstanceExtraSpecsFilter'];
      const starting = startOpenstackCloud({ config: { scheduler: { enabled_filters } } });
      for (const signal of ['SIGINT', 'SIGTERM'] as const)
        process.once(signal, () => void starting.then((one) => one.close()).finally(() => process.exit(1)));
      cloud = await starting;
      given = { world: worldOf(cloud), stock: await stockCloud(cloud) };
    },
    { timeout: 600_000 },
  );
  after(() => cloud?.close());

  describeTenant(() => given);
  describeAdministrator(() => given);
  describePlacement(() => given);
  describeIdentity(() => given);
  describeJws(() => given);
  describeCleaning(() => given);
});
