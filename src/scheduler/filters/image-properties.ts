// Why: an image may need a certain architecture, hypervisor, vm mode disk format or version of the hypervisor; one of the host's kinds of guests must have it all.

import type { Host } from '../../domain/placement/hosts.ts';
import type { ImageFilter, ImageNeeds } from '../spec.ts';
import { versionBounds } from '../versions.ts';

type GuestKind = Host['inventory']['facts']['capabilities']['guests'][number];

const suits = (kind: GuestKind, needs: ImageNeeds): boolean =>
  (needs.arch === null || needs.arch === kind.arch) &&
  (needs.hypervisorType === null || needs.hypervisorType === kind.hypervisorType) &&
  (needs.vmMode === null || needs.vmMode === kind.vmMode);

export const imagePropertiesFilter: ImageFilter = ({ image }) => {
  const { diskFormat, hypervisorVersion } = image;
  const wanted = [image.arch, image.hypervisorType, image.vmMode].filter((word) => word !== null);
  if (diskFormat === null && wanted.length === 0 && hypervisorVersion === null) return null;
  const within = hypervisorVersion === null ? () => true : versionBounds(hypervisorVersion);
  if (within === null) return () => `cannot be compared with the versions ${hypervisorVersion}`;
  return ({ inventory }) => {
    const { guests, diskFormats } = inventory.facts.capabilities;
    if (diskFormat !== null && !diskFormats.includes(diskFormat)) return `does not take images of format ${diskFormat}`;
    if (!within(inventory.hypervisorVersion)) return `has no hypervisor of version ${hypervisorVersion}`;
    if (wanted.length === 0 || guests.some((kind) => suits(kind, image))) return null;
    return `has no guests of kind ${wanted.join(' ')}`;
  };
};
