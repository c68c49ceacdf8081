// Every compute command of Debian's openstack client: what it prints is what it printed of a real Nova on the same walk, and what
// differs is explained in docs/openstack-client.md. `make openstack` does the same with the newest client.

import { comparedWithNova } from '../support/openstack/suite.ts';

comparedWithNova('debian');
