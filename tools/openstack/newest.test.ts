// As test/functional/openstack-compute.test.ts, with the newest openstack client, which `make openstack` installs.

import { comparedWithNova } from '../../test/support/openstack/suite.ts';

comparedWithNova('newest');
