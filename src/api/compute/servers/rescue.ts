// Why: a server that no longer boots is booted from another image, with its own disk beside it, until it is mended.

import { closed, text, uuid, wrapped } from '../../parameters.ts';
import { resource, route } from '../../resource.ts';
import { generatePassword } from './generate-password.ts';

interface RescueBody {
  readonly rescue: { readonly adminPass?: string; readonly rescue_image_ref?: string } | null;
}

export default resource({
  'POST /servers/:server_id/action#rescue': route<'server', RescueBody>()({
    summary: 'Boot a server from a rescue image, with its own disk beside it.',
    policy: 'os_compute_api:os-rescue',
    target: 'server',
    body: wrapped('rescue', { ...closed({ adminPass: text, rescue_image_ref: uuid }), type: ['object', 'null'] }),
    status: 200,
    async run(call) {
      const { adminPass = generatePassword(), rescue_image_ref: imageRef = null } = call.body.rescue ?? {};
      await call.services.ops.rescueServer(call.op, call.target, { adminPass, imageRef });
      return adminPass;
    },
    view: (adminPass) => ({ adminPass }),
  }),
});
