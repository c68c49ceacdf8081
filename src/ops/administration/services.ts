// Why: an administrator takes a host out of scheduling, or declares it down before its silence does.

import { conflict, internal, notFound } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import {
  deleteServiceRow,
  findService,
  type Service,
  type ServiceStatus,
  updateServiceStatus,
} from '../../db/services.ts';
import { isMoving } from '../../db/migrations.ts';
import { serversOnHost } from '../../db/servers.ts';
import { findHost, moveHostsOn } from '../../db/hosts.ts';
import { providerIsDue } from '../../db/placement-mirror.ts';
import { tx } from '../../db/tx.ts';
import { leaveAggregates } from './aggregates.ts';
import type { OpsDeps } from '../deps.ts';

/** Which service: by its uuid, or by host and binary (before 2.53). */
export type ServiceRef = { readonly uuid: string } | { readonly host: string; readonly binary: string };

const missing = (ref: ServiceRef) =>
  notFound(
    'uuid' in ref
      ? `Service ${ref.uuid} could not be found.`
      : `Could not find binary ${ref.binary} on host ${ref.host}.`,
  );

/** Changes what is given: disabled with its reason, forced down. Returns the service as it is then. Throws 404. */
export function setServiceStatus(deps: OpsDeps, _op: Op, ref: ServiceRef, status: ServiceStatus): Promise<Service> {
  return tx(deps.database, async (t) => {
    const service = await findService(t, ref);
    if (service === null) throw missing(ref);
    const reason = status.disabled === false ? { disabledReason: null } : {};
    await updateServiceStatus(t, service, { ...status, ...reason }, deps.clock.now());
    const changed = await findService(t, { uuid: service.uuid });
    if (changed === null) throw internal(`Service ${service.uuid} has no row.`);
    return changed;
  });
}

/** Forgets a service that is gone for good. Throws 404, and 409 while servers are on its host. */
export function deleteService(deps: OpsDeps, op: Op, ref: ServiceRef): Promise<void> {
  return tx(deps.database, async (t) => {
    const service = await findService(t, ref);
    if (service === null) throw missing(ref);
    if (service.binary === 'nova-compute') {
      // first of all: a claim that is being made there is waited for, and one that was thought out before is thought over
      await moveHostsOn(t, [service.host]);
      if ((await serversOnHost(t, service.host)).length > 0) {
        throw conflict(
          'Unable to delete compute service that is hosting instances. Migrate or delete the instances first.',
        );
      }
      if (await isMoving(t, service.host)) {
        throw conflict(
          'Unable to delete compute service that has in-progress migrations. ' +
            'Complete the migrations or delete the instances first.',
        );
      }
      await leaveAggregates(t, deps, op, service.host);
      const host = await findHost(t, { host: service.host });
      if (host !== null) {
        await t('hosts').where({ id: host.id }).delete();
        await providerIsDue(t, host.uuid);
      }
    }
    await deleteServiceRow(t, service.id);
  });
}
