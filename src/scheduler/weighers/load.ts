// Why: prefer hosts where little is under way, where few servers are, or whose hypervisor is newer.

import type { Weigher } from '../spec.ts';

export const ioOpsWeigher: Weigher = () => (host) => host.ioOps;
export const numInstancesWeigher: Weigher = () => (host) => host.runningVms;
export const hypervisorVersionWeigher: Weigher = () => (host) => host.inventory.hypervisorVersion;
