// Why: reasons of the scheduler name hosts, and say how full they are: that is for administrators.

import { ADMIN, rule } from './base.ts';

export const rules = [
  rule(
    'os_compute_api:xloud:scheduler:explain',
    ADMIN,
    'Ask for every host why a server would go there, or why not. Changes nothing.',
  ),
  rule(
    'os_compute_api:xloud:scheduler:balance',
    ADMIN,
    'Ask which servers to move so that full hosts have room again. Changes nothing.',
  ),
] as const;
