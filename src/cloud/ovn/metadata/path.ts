// Why: every request of a guest is checked for a valid metadata path, also where no relay is loaded.

import { limits } from '../../../base/limits.ts';

const PATH = /^(?=\/)(?:\/[\w=~:-][\w.=~:-]*)*\/?$/;

/** Whether a path is the metadata service's; no other is forwarded, since a proxy in between might rewrite it. */
export const isMetadataPath = (path: string): boolean => path.length <= limits.metadataPathChars && PATH.test(path);
