// Why: every host has balloons; a flavor that asks for another way to its memory needs a host whose hypervisor knows it.

import { memoryMethodOf } from '../../domain/adjustment/memory-method.ts';
import type { Filter } from '../spec.ts';

export const memoryMethodFilter: Filter = ({ flavor }) => {
  const method = memoryMethodOf(flavor);
  if (method === 'balloon') return null;
  return ({ inventory }) =>
    inventory.facts.capabilities.memoryMethods.includes(method) ? null : `cannot give memory by ${method}`;
};
