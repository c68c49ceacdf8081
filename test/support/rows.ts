// Why: tests of lists need many rows that differ in a few things.

import { newUuid } from '../../src/base/ids.ts';
import type { NewServer } from '../../src/db/servers.ts';
import { testImage } from './neighbours.ts';
import { aFlavor, aServer } from './samples.ts';

/** A row that is not stored yet: the sample server on a 1 GiB flavor, with an image, never launched. */
export function newServer(more: Partial<NewServer> = {}): NewServer {
  const { id: _id, updatedAt: _updatedAt, ...row } = aServer();
  return {
    ...row,
    uuid: newUuid(),
    projectId: 'p',
    userId: 'u',
    displayName: 'server',
    reservationId: 'r-1',
    imageRef: testImage().id,
    image: testImage(),
    flavor: aFlavor({ flavorid: 'small', name: 'small', memoryMb: 4096, rootGb: 1 }),
    host: 'host-1',
    node: 'host-1',
    createdAt: 1_700_000_000_000,
    launchedAt: null,
    build: {},
    ...more,
  };
}
