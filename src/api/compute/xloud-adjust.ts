// Why: operators and tenants grow and shrink a running guest without a reboot; Nova has no such call. What is wished goes in
// as absolute sizes, what the guest has comes out, and the two may differ: both are shown.

import { isoSeconds } from '../../base/clock.ts';
import { findClaim } from '../../db/claims.ts';
import { type AdjustWish, parseAdjust } from '../../domain/adjust-request.ts';
import { maximumOf, minimumOf } from '../../domain/flavor.ts';
import type { Server } from '../../domain/instance.ts';
import { type Call, resource, route } from '../resource.ts';

interface Adjustment {
  readonly server: Server;
  /** What the host's inventory and the quota count; the minimum until the server has a host. */
  readonly claimed: { readonly vcpus: number; readonly memoryMb: number };
}

const size = { type: ['integer', 'string', 'null'], pattern: '^[0-9]+$', minimum: 1 };

/** For the reference only: `parseAdjust` has the words of refusal. */
const described = {
  type: 'object',
  properties: { current_vcpus: size, current_memory_mb: size, persist: { type: 'boolean', default: true } },
  additionalProperties: false,
};

async function adjustmentOf(call: Call<'server'>, server: Server): Promise<Adjustment> {
  const claimed = await findClaim(call.services.db, server.id);
  return { server, claimed: claimed ?? { vcpus: 0, memoryMb: 0 } };
}

/** The adjustment resource; memory in MiB. */
function view({ server, claimed }: Adjustment) {
  const minimum = minimumOf(server.flavor);
  const maximum = maximumOf(server.flavor);
  return {
    server_id: server.uuid,
    status: server.adjustStatus,
    vcpus: {
      current: server.currentVcpus,
      target: server.targetVcpus,
      minimum: minimum.vcpus,
      maximum: maximum.vcpus,
      claimed: claimed.vcpus,
      guest_online: server.guestOnlineVcpus,
    },
    memory_mb: {
      current: server.currentMemoryMb,
      target: server.targetMemoryMb,
      minimum: minimum.memoryMb,
      maximum: maximum.memoryMb,
      claimed: claimed.memoryMb,
      guest_available: server.guestAvailableMb,
    },
    persist: server.adjustPersist,
    request_id: server.adjustRequestId,
    updated_at: server.adjustUpdatedAt === null ? null : isoSeconds(server.adjustUpdatedAt),
    message: server.adjustMessage,
  };
}

export default resource({
  'GET /os-xloud-adjust/:server_id': route<'server'>()({
    summary: "Show a server's sizes: what it has, what was asked for, its bounds, and what is claimed for it.",
    policy: 'os_compute_api:xloud:show',
    target: 'server',
    status: 200,
    steady: true,
    run: (call) => adjustmentOf(call, call.target),
    view,
  }),
  'POST /os-xloud-adjust/:server_id': route<'server', AdjustWish>()({
    summary: 'Change the vCPUs or memory of a server, while it runs, between its minimum and maximum.',
    policy: 'os_compute_api:xloud:adjust',
    target: 'server',
    body: described,
    parse: parseAdjust,
    status: 202,
    run: async (call) =>
      adjustmentOf(call as Call<'server'>, await call.services.ops.adjustServer(call.op, call.target, call.body)),
    view,
  }),
});
