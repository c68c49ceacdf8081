// Why: what can be configured of an operator's Placement, which shows others what is claimed here.

import { choice, httpUrl, text } from './config-options.ts';

export const placementOptions = {
  sync: choice(
    'auto',
    ['auto', 'yes', 'no'],
    "Whether an operator's Placement is told what hosts have and what servers have of them, where Keystone is his own too (identity.auth_url); claims are decided here all the same. auto: where endpoint is set. All workers have the same.",
  ),
  endpoint: text(
    '',
    'Placement, as http://placement:8778; empty: as the catalog says. Who we are there: section identity.',
    { form: httpUrl },
  ),
};
