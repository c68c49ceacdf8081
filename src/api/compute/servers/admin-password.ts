// Why: a guest whose password is lost can be entered again, where an agent runs in it.

import { closed, text, wrapped } from '../../parameters.ts';
import { resource, route } from '../../resource.ts';

interface PasswordBody {
  readonly changePassword: { readonly adminPass: string };
}

export default resource({
  'POST /servers/:server_id/action#changePassword': route<'server', PasswordBody>()({
    summary: "Set the password of a guest's administrator, through the agent in the guest.",
    policy: 'os_compute_api:os-admin-password',
    target: 'server',
    body: wrapped('changePassword', closed({ adminPass: text }, ['adminPass'])),
    status: 202,
    run: (call) => call.services.ops.changePassword(call.op, call.target, call.body.changePassword.adminPass),
  }),
});
