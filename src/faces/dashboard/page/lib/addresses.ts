// Why: lists, drawings and searches speak of the same addresses of a server, in the order of its networks.

import type { Server } from './types.ts';

export const addressesOf = ({ addresses }: Pick<Server, 'addresses'>): readonly string[] =>
  Object.values(addresses)
    .flat()
    .map(({ addr }) => addr);
