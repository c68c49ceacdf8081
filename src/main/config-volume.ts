// Why: what can be configured of volumes: whose service has them, and what the built-in one may give.

import { defaultVolumeQuota, quotaNames } from '../standalone/volume/quota.ts';
import { choice, httpUrl, integer, type Option, text } from './config-options.ts';

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
  service: choice(
    'built-in',
    ['built-in', 'cinder'],
    "Who has the volumes: the built-in volume service, or cinder, an operator's own, where Keystone is his own too (identity.auth_url). All processes of an installation have the same.",
  ),
  endpoint: text(
    '',
    "An operator's Cinder, without a version, as http://cinder:8776; empty: as the catalog says (block-storage, else volumev3). Who we are there, an administrator with the role service: section identity.",
    { form: httpUrl },
  ),
  ceph_dir: text(
    '/etc/ceph',
    "Of an agent: where the keyring of the user that Cinder names for volumes on Ceph is, ceph.client.USER.keyring; it is not read where the operator gave libvirt that user's secret.",
  ),
  directory: text(
    '',
    "Where the bytes of volumes lie, which every host that runs servers with volumes has under the same path, and QEMU's own user must be able to enter; empty: volumes in the data directory.",
  ),
  ...quota,
};
