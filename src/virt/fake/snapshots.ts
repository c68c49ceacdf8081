// Why: an image that a fake guest leaves is real: small, but with bytes of its own, so that it becomes active with a checksum
// and another guest can begin with it.

import { notFound } from '../../base/errors.ts';
import type { AgentVerbs } from '../../domain/servers/agent-methods.ts';
import type { ImageSink } from '../driver.ts';
import type { FakeHost } from './host.ts';
import type { FakeGuest } from './store.ts';

const SECTOR_BYTES = 512;

/** A raw disk of one sector that says what it is. */
function diskOf({ spec }: FakeGuest, imageId: string): Uint8Array {
  const disk = new Uint8Array(SECTOR_BYTES);
  new TextEncoder().encodeInto(`xloud-fake disk of ${spec.uuid} for image ${imageId}\n`, disk);
  return disk;
}

type SnapshotVerbs = Pick<AgentVerbs, 'snapshot' | 'uploadSnapshot' | 'dropSnapshot'>;

export function snapshotVerbs(host: FakeHost, sink: ImageSink): SnapshotVerbs {
  async function* piecesOf(uuid: string, imageId: string): AsyncGenerator<Uint8Array> {
    const guest = host.guestOf(uuid);
    if (!guest.snapshots.includes(imageId)) {
      throw notFound(`Instance ${uuid} has no copy for image ${imageId}.`, { code: 'virt.no_snapshot' });
    }
    await host.begin('uploadSnapshot', uuid);
    yield diskOf(guest, imageId);
  }

  function forget(uuid: string, imageId: string): void {
    const guest = host.store.get(uuid);
    if (guest === undefined || !guest.snapshots.includes(imageId)) return;
    host.store.put({ ...guest, snapshots: guest.snapshots.filter((other) => other !== imageId) });
  }

  return {
    async snapshot({ uuid, imageId }) {
      await host.begin('snapshot', uuid);
      const guest = host.guestOf(uuid);
      if (!guest.snapshots.includes(imageId)) host.store.put({ ...guest, snapshots: [...guest.snapshots, imageId] });
      return { format: 'raw' };
    },
    async uploadSnapshot({ uuid, imageId }) {
      await sink.write(imageId, piecesOf(uuid, imageId));
      forget(uuid, imageId);
      return null;
    },
    async dropSnapshot({ uuid, imageId }) {
      if (host.store.get(uuid) !== undefined) await host.begin('dropSnapshot', uuid);
      forget(uuid, imageId);
      return null;
    },
  };
}
