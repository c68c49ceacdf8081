// Why: what can be configured of the built-in volume service.

import { defaultVolumeQuota, quotaNames } from '../standalone/volume/quota.ts';
import { integer, type Option, text } from './config-options.ts';

type OfferedQuota = 'volumes' | 'snapshots' | 'gigabytes' | 'per_volume_gigabytes';

const offered = quotaNames.filter((name): name is OfferedQuota => !/backup|groups/.test(name));

/** One option for each thing that has a quota; -1: no limit. */
const quota = Object.fromEntries(
  offered.map((name) => [
    `quota_${name}`,
    integer(
      defaultVolumeQuota[name],
      name.endsWith('gigabytes') ? 'GB; -1: no limit' : 'of them; -1: no limit',
      `What a project may have of ${name.replace('per_volume_', 'one volume, in ')}, unless set otherwise.`,
      -1,
    ),
  ]),
) as { readonly [N in OfferedQuota as `quota_${N}`]: Option<number> };

export const volumeOptions = {
  directory: text(
    '',
    "Where the bytes of volumes lie, which every host that runs servers with volumes has under the same path, and QEMU's own user must be able to enter; empty: volumes in the data directory.",
  ),
  ...quota,
};
