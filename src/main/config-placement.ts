// Why: options of the Placement mirror, which shows our claims to an operator's other programs.

import { choice, httpUrl, text } from './config-options.ts';

export const placementOptions = {
  sync: choice(
    'auto',
    ['auto', 'yes', 'no'],
    "Whether hosts and allocations are mirrored to an operator's Placement; needs an operator's Keystone (identity.auth_url). Claims are decided here all the same. auto: yes if endpoint is set. The same on all workers.",
  ),
  endpoint: text('', 'Placement, as http://placement:8778; empty: from the catalog. Credentials: section identity.', {
    form: httpUrl,
  }),
};
