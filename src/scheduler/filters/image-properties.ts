// Why: an image may need a certain architecture, hypervisor, vm mode or disk format; one of the host's kinds of guests must have it all.

import type { Host } from '../../domain/host.ts';
import type { Filter, ImageNeeds } from '../spec.ts';

type GuestKind = Host['inventory']['facts']['capabilities']['guests'][number];

const suits = (kind: GuestKind, needs: ImageNeeds): boolean =>
  (needs.arch === null || needs.arch === kind.arch) &&
  (needs.hypervisorType === null || needs.hypervisorType === kind.hypervisorType) &&
  (needs.vmMode === null || needs.vmMode === kind.vmMode);

export const imagePropertiesFilter: Filter = (host, { image }) => {
  const { guests, diskFormats } = host.inventory.facts.capabilities;
  if (image.diskFormat !== null && !diskFormats.includes(image.diskFormat)) {
    return `does not take images of format ${image.diskFormat}`;
  }
  if (image.arch === null && image.hypervisorType === null && image.vmMode === null) return null;
  if (guests.some((kind) => suits(kind, image))) return null;
  const wanted = [image.arch, image.hypervisorType, image.vmMode].filter((word) => word !== null);
  return `has no guests of kind ${wanted.join(' ')}`;
};
