// Why: a password is set inside the guest by its agent, or not at all; the caller hears which. Who has the private half of the
// server's RSA key may read it again (GET os-server-password); nobody else can.

import { conflict, type Fault, notImplemented } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Op } from '../../base/op.ts';
import { writePassword } from '../../db/server-parts.ts';
import { updateServer } from '../../db/servers.ts';
import type { ImageFacts } from '../../domain/machines/images.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { awaitAction } from '../engine/await-action.ts';
import { beginAction } from '../engine/begin.ts';
import type { OpsDeps } from '../deps.ts';
import { sealedFor } from './key-material.ts';
import { hostOf } from './host-of.ts';
import { defineAction } from '../engine/action.ts';
import { settleFailed } from '../engine/settle.ts';
import { defineTransition } from '../../domain/servers/transition.ts';

interface Input {
  readonly user: string;
  readonly password: string;
}

/** As Nova: what the image says, else the usual name of the system. */
const adminUserOf = (image: ImageFacts | null): string =>
  image?.properties['os_admin_user'] || (image?.properties['os_type'] === 'windows' ? 'Administrator' : 'root');

function refusalOf(uuid: string, { kind, code }: Fault) {
  if (kind === 'notImplemented') return notImplemented('Unable to set password on instance');
  const reason = code === 'virt.not_running' ? `instance ${uuid} is not running` : 'error setting admin password';
  return conflict(`Failed to set admin password on ${uuid} because ${reason}`);
}

/** Sets the administrator's password and waits for it. Throws 404, 409 (state, lock, the guest refused), 501 (no agent answers). */
export async function changePassword(
  deps: OpsDeps,
  op: Op,
  { uuid }: Pick<Server, 'uuid'>,
  password: string,
): Promise<void> {
  const id = await beginAction(
    deps,
    op,
    uuid,
    changePasswordAction.transitions.changePassword,
    changePasswordAction,
    ({ image }) => ({
      user: adminUserOf(image),
      password,
    }),
  );
  const { failure } = await awaitAction(deps, id, changePasswordAction, limits.passwordMs);
  if (failure !== null) throw refusalOf(uuid, failure.fault);
}

/** What is kept of a password: for the owner of the server's key alone, or nothing. */
function keptFor({ keyData }: Server, password: string): string | null {
  const sealed = keyData === null ? null : sealedFor(keyData, password);
  return sealed !== null && sealed.length <= limits.sealedPasswordCharacters ? sealed : null;
}

export const changePasswordAction = defineAction<Input>()({
  name: 'changePassword',
  transitions: {
    changePassword: defineTransition('changePassword', 'Set the administrator’s password.', ['active'], {
      task: 'updating_password',
      namesLock: false,
      verb: 'setAdminPassword',
    }),
  },
  // as Nova, which tells nobody of it
  notification: null,
  secrets: ['password'],
  steps: [
    {
      name: 'guest',
      event: 'compute_set_admin_password',
      run: ({ server, input, call }) => call(hostOf(server), 'setAdminPassword', { uuid: server.uuid, ...input }),
      undo: 'the former password is known to nobody',
    },
  ],
  async settle(t, { server, input }, nowMs) {
    await writePassword(t, server.id, keptFor(server, input.password));
    await updateServer(t, server.id, { taskState: null }, nowMs);
    return null;
  },
  failed: (t, { server }, failure, nowMs) => settleFailed(t, server, failure, nowMs, {}),
});
