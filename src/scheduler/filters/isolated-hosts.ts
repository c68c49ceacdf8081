// Why: some images may only run on hosts that are set apart for them, and others not there.

import type { ImageFilter } from '../spec.ts';

export const isolatedHostsFilter: ImageFilter = ({ imageId }, { settings }) => {
  const { isolatedHosts, isolatedImages, restrictIsolatedHosts } = settings;
  const isolated = isolatedImages.includes(imageId);
  if (!isolated && !restrictIsolatedHosts) return null;
  const apart = new Set(isolatedHosts);
  return ({ host }) => {
    if (isolated === apart.has(host)) return null;
    return isolated ? 'is not set apart for the image' : 'is set apart for certain images';
  };
};
