// Why: types of volumes may name what their volumes lie in, as Cinder's do. There is one such thing here, and no other is made up.

import { conflict } from '../../base/errors.ts';
import type { Texts } from '../../db/volumes.ts';

/** What keeps the files, by the names that types use. */
export const backend = {
  volume_backend_name: 'directory',
  ...{ vendor_name: 'Open Source', driver_version: '1.0', storage_protocol: 'file' },
} as const;

/** The host of the service, and the one pool that it has. */
export const VOLUME_HOST = `volumes@${backend.volume_backend_name}`;
export const POOL = `${VOLUME_HOST}#${backend.volume_backend_name}`;

/** @throws conflict where a type wants another backend, as when Cinder's scheduler finds none */
export function mustFit(extraSpecs: Texts): void {
  for (const [name, value] of Object.entries(backend)) {
    const wanted = extraSpecs[name] ?? value;
    if (wanted !== value) {
      throw conflict(`No valid backend was found. The type wants ${name} ${wanted}; there is ${value}.`);
    }
  }
}
