// Why: a server changes its flavor in two steps: it is resized, then its owner confirms or takes it back.

import { diskConfig, wrapped } from '../../parameters.ts';
import { resource, route } from '../../resource.ts';

interface ResizeBody {
  readonly resize: { readonly flavorRef: string | number; readonly 'OS-DCF:diskConfig'?: 'AUTO' | 'MANUAL' };
}

const resizeBody = wrapped('resize', {
  type: 'object',
  properties: {
    flavorRef: { type: ['string', 'integer'], minLength: 1 },
    'OS-DCF:diskConfig': diskConfig,
  },
  required: ['flavorRef'],
  additionalProperties: false,
});

export default resource({
  'POST /servers/:server_id/action#resize': route<'server', ResizeBody>()({
    summary: 'Move a server to another flavor; it then waits for its confirmation.',
    policy: 'os_compute_api:servers:resize',
    target: 'server',
    body: resizeBody,
    status: 202,
    run({ op, services, target, body }) {
      const { flavorRef, 'OS-DCF:diskConfig': diskConfig } = body.resize;
      return services.ops.resizeServer(op, target, {
        flavorRef: String(flavorRef),
        autoDiskConfig: diskConfig === undefined ? null : diskConfig === 'AUTO',
      });
    },
  }),
});
