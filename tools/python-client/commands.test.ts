// Every command of clients/python-xloudclient, with Debian's openstack client and with the newest. `make python-client` installs both.

import { commandsOfXloudclient } from '../../test/support/openstack/xloudclient.ts';

commandsOfXloudclient('debian');
commandsOfXloudclient('newest');
