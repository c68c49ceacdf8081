// Why: an image may need a certain architecture, hypervisor, vm mode or disk format; one of the host's kinds of guests must have it all.

import type { Host } from '../../domain/host.ts';
import type { Filter, ImageNeeds } from '../spec.ts';

type GuestKind = Host['inventory']['facts']['capabilities']['guests'][number];

const suits = (kind: GuestKind, needs: ImageNeeds): boolean =>
  (needs.arch === null || needs.arch === kind.arch) &&
  (needs.hypervisorType === null || needs.hypervisorType === kind.hypervisorType) &&
  (needs.vmMode === null || needs.vmMode === kind.vmMode);

export const imagePropertiesFilter: Filter = ({ image }) => {
  const { diskFormat } = image;
  const wanted = [image.arch, image.hypervisorType, image.vmMode].filter((word) => word !== null);
  if (diskFormat === null && wanted.length === 0) return null;
  return (host) => {
    const { guests, diskFormats } = host.inventory.facts.capabilities;
    if (diskFormat !== null && !diskFormats.includes(diskFormat)) return `does not take images of format ${diskFormat}`;
    if (wanted.length === 0 || guests.some((kind) => suits(kind, image))) return null;
    return `has no guests of kind ${wanted.join(' ')}`;
  };
};
