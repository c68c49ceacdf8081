// Why: which paths are the metadata service's is asked of every question of a guest, also where no relay is loaded.

import { limits } from '../../../base/limits.ts';

const PATH = /^(?=\/)(?:\/[\w=~:-][\w.=~:-]*)*\/?$/;

/** A path of the metadata service; nothing else is passed on, which a proxy on the way might take for another one. */
export const isMetadataPath = (path: string): boolean => path.length <= limits.metadataPathChars && PATH.test(path);
