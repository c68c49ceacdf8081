// Why: an image that a fake guest leaves is real: small, but with bytes of its own, so that it becomes active with a checksum
// and another guest can begin with it.

import { notFound } from '../../base/errors.ts';
import type { ImageSink, Snapshots } from '../driver.ts';
import type { FakeGuest, FakeStore } from './store.ts';

export interface SnapshotDeps {
  readonly store: FakeStore;
  /** Throws `notFound` for a guest that is not here. */
  readonly guestOf: (uuid: string) => FakeGuest;
  /** Takes the verb's time, and fails where the guest was told to. */
  readonly take: (verb: 'snapshot' | 'upload', guest: FakeGuest) => Promise<void>;
  readonly sink: ImageSink;
}

const SECTOR_BYTES = 512;

/** A raw disk of one sector that says what it is. */
function diskOf({ spec }: FakeGuest, imageId: string): Uint8Array {
  const disk = new Uint8Array(SECTOR_BYTES);
  new TextEncoder().encodeInto(`xloud-fake disk of ${spec.uuid} for image ${imageId}\n`, disk);
  return disk;
}

export function fakeSnapshots({ store, guestOf, take, sink }: SnapshotDeps): Snapshots {
  async function* piecesOf(uuid: string, imageId: string): AsyncGenerator<Uint8Array> {
    const guest = guestOf(uuid);
    if (!guest.snapshots.includes(imageId)) {
      throw notFound(`Instance ${uuid} has no copy for image ${imageId}.`, { code: 'virt.no_snapshot' });
    }
    await take('upload', guest);
    yield diskOf(guest, imageId);
  }

  function forget(uuid: string, imageId: string): void {
    const guest = store.get(uuid);
    if (guest === undefined || !guest.snapshots.includes(imageId)) return;
    store.put({ ...guest, snapshots: guest.snapshots.filter((other) => other !== imageId) });
  }

  return {
    async take(uuid, imageId) {
      await take('snapshot', guestOf(uuid));
      const guest = guestOf(uuid);
      if (!guest.snapshots.includes(imageId)) store.put({ ...guest, snapshots: [...guest.snapshots, imageId] });
      return { format: 'raw' };
    },
    async upload(uuid, imageId) {
      await sink.write(imageId, piecesOf(uuid, imageId));
      forget(uuid, imageId);
    },
    async drop(uuid, imageId) {
      forget(uuid, imageId);
    },
  };
}
