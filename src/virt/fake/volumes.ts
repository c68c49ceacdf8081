// Why: volumes come and go while a guest runs; the fake one keeps them where its spec has them, so that the next start finds them.

import { copyFile } from 'node:fs/promises';
import type { AgentVerbs } from '../../domain/servers/agent-methods.ts';
import type { VolumeDisk } from '../../domain/servers/server-volumes.ts';
import type { FakeHost } from './host.ts';

export function volumeVerbs(
  host: FakeHost,
): Pick<AgentVerbs, 'attachVolume' | 'copyVolume' | 'detachVolume' | 'growVolume'> {
  const change = (uuid: string, to: (before: readonly VolumeDisk[]) => readonly VolumeDisk[]) => {
    const guest = host.guestOf(uuid);
    const { disks } = guest.spec;
    const volumes = to(disks.volumes ?? []);
    host.store.put({ ...guest, spec: { ...guest.spec, disks: { ...disks, volumes } } });
    return host.view(host.guestOf(uuid));
  };
  return {
    async attachVolume({ uuid, disk }) {
      await host.begin('attachVolume', uuid);
      return change(uuid, (before) => [...before.filter(({ volumeId }) => volumeId !== disk.volumeId), disk]);
    },
    async detachVolume({ uuid, volumeId }) {
      await host.begin('detachVolume', uuid);
      return change(uuid, (before) => before.filter((disk) => disk.volumeId !== volumeId));
    },
    async copyVolume({ uuid, volumeId, path }) {
      await host.begin('copyVolume', uuid);
      const disk = (host.guestOf(uuid).spec.disks.volumes ?? []).find((one) => one.volumeId === volumeId);
      // nobody writes to it here, so a copy of the file is what there is
      if (disk !== undefined && 'path' in disk) await copyFile(disk.path, path);
      return null;
    },
    async growVolume({ uuid }) {
      await host.begin('growVolume', uuid);
      return host.view(host.guestOf(uuid));
    },
  };
}
