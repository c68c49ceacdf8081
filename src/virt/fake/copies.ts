// Why: what a fake guest's disk is copied to is a real file, small, that says which disk it was: so that it can be checked, broken, lost
// and put back. A copy of changes says the whole disk too, for there is nothing else in it.

import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { conflict } from '../../base/errors.ts';
import type { AgentVerbs } from '../../domain/servers/agent-methods.ts';
import type { DiskCopied } from '../../domain/servers/guests.ts';
import { power } from '../../domain/servers/servers.ts';
import type { FakeHost } from './host.ts';

const GIB = 1024 ** 3;

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** What stands in the file. */
interface Kept {
  readonly disk: string;
  readonly copied: DiskCopied;
}

export function copyVerbs(host: FakeHost): Pick<AgentVerbs, 'copyDisk' | 'dropDiskCopy' | 'replaceDisk'> {
  return {
    async copyDisk({ uuid, path, mark, changes }) {
      await host.begin('copyDisk', uuid);
      const guest = host.guestOf(uuid);
      if (!(await exists(dirname(path)))) {
        throw conflict('The directory of snapshots and backups is not on this host.', { code: 'copy.noDirectory' });
      }
      if (await exists(path)) return (JSON.parse(await readFile(path, 'utf8')) as Kept).copied;
      const live = guest.powerState === power.running || guest.powerState === power.paused;
      const virtualBytes = guest.spec.disks.rootGb * GIB;
      const isKnown = changes !== null && guest.mark === changes.since && virtualBytes === changes.virtualBytes;
      const incremental = live && isKnown;
      const copied: DiskCopied = { virtualBytes, incremental, live };
      await writeFile(`${path}.part`, JSON.stringify({ disk: guest.disk ?? '', copied } satisfies Kept));
      await rename(`${path}.part`, path);
      // as libvirt's: only of a guest that is on
      if (mark !== null && live) host.store.put({ ...host.guestOf(uuid), mark });
      return copied;
    },
    async dropDiskCopy({ uuid, path }) {
      if (host.store.get(uuid) !== undefined) await host.begin('dropDiskCopy', uuid);
      for (const one of [path, `${path}.part`]) await rm(one, { force: true });
      return null;
    },
    async replaceDisk({ spec, chain }) {
      await host.begin('replaceDisk', spec.uuid);
      const guest = host.guestOf(spec.uuid);
      if (guest.powerState === power.running || guest.powerState === power.paused) {
        throw conflict(`Instance ${spec.uuid} must be off for its disk to be replaced.`, { code: 'virt.running' });
      }
      for (const path of chain) {
        if (!(await exists(path))) throw conflict('A file of the copy is not on this host.', { code: 'copy.broken' });
      }
      const { disk } = JSON.parse(await readFile(chain.at(-1) ?? '', 'utf8')) as Kept;
      host.store.put({ ...guest, disk, mark: null });
      return host.view(host.guestOf(spec.uuid));
    },
  };
}
