// Why: spread by what is free, as Nova's RAM, CPU and disk weighers do. A host claimed beyond its capacity counts as full.

import { freeOf } from '../../domain/placement/claims.ts';
import type { Weigher } from '../spec.ts';

export const ramWeigher: Weigher = () => (host) => freeOf(host).memoryMb;
export const cpuWeigher: Weigher = () => (host) => freeOf(host).vcpus;
export const diskWeigher: Weigher = () => (host) => freeOf(host).diskGb;
