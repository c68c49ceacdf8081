// Why: during a live migration a port is bound to both hosts, so that the destination's switch is ready when the guest starts to send
// there. In Neutron these are multiple port bindings (`binding-extended`), one of them active.

import { conflict, Fault } from '../base/errors.ts';
import { mustHaveList, record, textOf } from './answer-values.ts';
import type { Neighbour } from './neighbour.ts';
import type { PortFacts } from './network-api.ts';
import { networkRefusal } from './neutron-http.ts';

const ALIAS = 'binding-extended';
/** Neutron's type of a failed binding, which it answers with status 500. */
const isBindingError = (error: unknown): boolean =>
  error instanceof Fault && record(error.cause)['type'] === 'PortBindingError';

const bindingFailed = (portId: string): Fault =>
  conflict(`Binding failed for port ${portId}, please check neutron logs for more information.`, {
    code: 'PortBindingFailed',
  });

/** How a port is plugged, as text to compare. */
const plugOf = (vifType: string, vifDetails: PortFacts['vifDetails']): string =>
  [vifType, textOf(vifDetails['bridge_name']), vifDetails['ovs_hybrid_plug'] === true ? 'ovs_hybrid_plug' : '']
    .filter((word) => word !== '')
    .join(' ');

const pluggedDifferently = (portId: string, host: string, now: string, then: string): Fault =>
  conflict(
    `Port ${portId} is plugged as "${now}" and would be as "${then}" on host ${host}: its server cannot move there as it runs.`,
    { code: 'PortBindingFailed' },
  );

export interface PortBindings {
  /**
   * Adds an inactive binding of a port to another host. Idempotent.
   * Rejects with `conflict` (PortBindingFailed) if nothing on that host can bind it, or would plug it differently: the XML of a guest
   * that runs names the same bridge there.
   */
  add(port: PortFacts, host: string, profile: PortFacts['profile']): Promise<void>;
  /** Activates the binding to a host and deletes all others; if there is none to it, deletes the inactive ones. Idempotent. */
  settle(port: PortFacts, host: string): Promise<void>;
}

/** Neutron's OVN driver provides a port on both hosts because of the profile (`migrating_to`) and does not support a second binding. */
const isOvn = ({ vifDetails }: PortFacts): boolean =>
  Object.values(record(vifDetails['bound_drivers'])).includes('ovn');

export function neutronBindings(neutron: Pick<Neighbour, 'ask'>): PortBindings {
  let offered: boolean | undefined;
  const pathOf = (portId: string, ...rest: string[]): string =>
    ['/v2.0/ports', portId, 'bindings', ...rest]
      .map((part, at) => (at === 0 ? part : encodeURIComponent(part)))
      .join('/');

  async function isOffered(): Promise<boolean> {
    if (offered !== undefined) return offered;
    const { status } = await neutron.ask(null, 'GET', `/v2.0/extensions/${ALIAS}`);
    if (status === 200 || status === 404) offered = status === 200;
    return offered ?? false;
  }

  async function end(portId: string, host: string): Promise<void> {
    const answer = await neutron.ask(null, 'DELETE', pathOf(portId, host));
    if (answer.status !== 204 && answer.status !== 404) throw networkRefusal(answer, 'end a binding of a port');
  }

  return {
    async add(port, host, profile) {
      if (isOvn(port) || !(await isOffered())) return;
      const binding = { host, vnic_type: port.vnicType, profile };
      const answer = await neutron.ask(null, 'POST', pathOf(port.id), { binding }).catch((error: unknown) => {
        throw isBindingError(error) ? bindingFailed(port.id) : error;
      });
      // the binding exists already, or the port is gone
      if (answer.status === 409 || answer.status === 404) return;
      if (answer.status !== 201 && answer.status !== 200) throw networkRefusal(answer, 'bind a port to one more host');
      const there = record(record(answer.body)['binding']);
      const now = plugOf(port.vifType, port.vifDetails);
      const then = plugOf(textOf(there['vif_type']) || port.vifType, {
        bridge_name: port.vifDetails['bridge_name'],
        ...record(there['vif_details']),
      });
      if (now !== then) throw pluggedDifferently(port.id, host, now, then);
    },

    async settle(port, host) {
      if (isOvn(port) || !(await isOffered())) return;
      const { id: portId } = port;
      const answer = await neutron.ask(null, 'GET', pathOf(portId));
      if (answer.status === 404) return;
      if (answer.status !== 200) throw networkRefusal(answer, 'list the bindings of a port');
      const all = mustHaveList('network', answer.body, 'bindings').map((one) => ({
        host: textOf(one['host']),
        isActive: one['status'] === 'ACTIVE',
      }));
      const here = all.find((one) => one.host === host);
      if (here?.isActive === false) {
        const active = await neutron.ask(null, 'PUT', pathOf(portId, host, 'activate'));
        if (active.status !== 200 && active.status !== 409)
          throw networkRefusal(active, 'activate a binding of a port');
      }
      // an active binding to another host is replaced by `bindPort`
      const others = all.filter((one) => one.host !== host && (here !== undefined || !one.isActive));
      for (const other of others) await end(portId, other.host);
    },
  };
}
