// Why: where deletions are deferred, a server can come back from one, or go at once.

import { resource } from '../../resource.ts';
import { plainAction } from './plain-action.ts';

export default resource({
  'POST /servers/:server_id/action#restore': plainAction(
    'restore',
    'os_compute_api:os-deferred-delete:restore',
    'Restore a server that was deleted softly.',
    'restoreServer',
  ),
  'POST /servers/:server_id/action#forceDelete': plainAction(
    'forceDelete',
    'os_compute_api:os-deferred-delete:force',
    'Delete a server at once, whatever its state.',
    'forceDeleteServer',
  ),
});
