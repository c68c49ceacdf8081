// Why: a user may want a server away from certain others, or with one of them (hints `different_host` and `same_host`).

import type { Filter } from '../spec.ts';

export const differentHostFilter: Filter = ({ differentHost }) =>
  differentHost === null
    ? null
    : (host) => (differentHost.has(host.host) ? 'has a server that this one shall not be with' : null);

export const sameHostFilter: Filter = ({ sameHost }) =>
  sameHost === null
    ? null
    : (host) => (sameHost.has(host.host) ? null : 'has none of the servers that this one shall be with');
