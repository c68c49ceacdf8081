// Why: what DHCP tells of a port beside what its subnet says.

import type { Migration } from '../src/db/upgrade.ts';
import { change } from './statements.ts';

export const dhcpOpts: Migration = {
  name: '0046_dhcp_opts',
  async up(knex) {
    await change(knex, 'ports', (t) => {
      t.text('extra_dhcp_opts'); // JSON [{opt_name, opt_value}]; null: none
    });
  },
};
