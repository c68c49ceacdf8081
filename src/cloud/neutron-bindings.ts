// Why: a port whose server is on its way as it runs is bound to both hosts, so that the switch of the next one is ready when the guest
// speaks there. Neutron calls that several bindings (`binding-extended`), of which one is active.

import { conflict, Fault } from '../base/errors.ts';
import { record, records, textOf } from './answer-values.ts';
import type { Neighbour } from './neighbour.ts';
import type { PortFacts } from './network-api.ts';
import { networkRefusal } from './neutron-http.ts';

const ALIAS = 'binding-extended';
/** Neutron's own name for it; its status is 500, as if Neutron were not well. */
const isBindingError = (error: unknown): boolean =>
  error instanceof Fault && record(error.cause)['type'] === 'PortBindingError';

const bindingFailed = (portId: string): Fault =>
  conflict(`Binding failed for port ${portId}, please check neutron logs for more information.`, {
    code: 'PortBindingFailed',
  });

/** How a port is plugged, in words that can be compared. */
const plugOf = (vifType: string, vifDetails: PortFacts['vifDetails']): string =>
  [vifType, textOf(vifDetails['bridge_name']), vifDetails['ovs_hybrid_plug'] === true ? 'ovs_hybrid_plug' : '']
    .filter((word) => word !== '')
    .join(' ');

const otherwiseThere = (portId: string, host: string, now: string, then: string): Fault =>
  conflict(
    `Port ${portId} is plugged as "${now}" and would be as "${then}" on host ${host}: its server cannot move there as it runs.`,
    { code: 'PortBindingFailed' },
  );

export interface PortBindings {
  /**
   * Binds a port to one more host, where it is not active yet; twice is once.
   * Rejects with `conflict` (PortBindingFailed) where nothing on that host can take it, or what takes it plugs it otherwise than it is
   * plugged now: a guest that runs goes into the bridge of the same name.
   */
  add(port: PortFacts, host: string, profile: PortFacts['profile']): Promise<void>;
  /** Makes the binding to a host the active one and ends all others; where there is none to it, those that are not active. Twice is once. */
  settle(port: PortFacts, host: string): Promise<void>;
}

/** Its driver for OVN has a port on both hosts by what the profile says, and knows nothing of a second binding. */
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
      // it is there already, or the port is not any more
      if (answer.status === 409 || answer.status === 404) return;
      if (answer.status !== 201 && answer.status !== 200) throw networkRefusal(answer, 'bind a port to one more host');
      const there = record(record(answer.body)['binding']);
      const now = plugOf(port.vifType, port.vifDetails);
      const then = plugOf(textOf(there['vif_type']) || port.vifType, {
        bridge_name: port.vifDetails['bridge_name'],
        ...record(there['vif_details']),
      });
      if (now !== then) throw otherwiseThere(port.id, host, now, then);
    },

    async settle(port, host) {
      if (isOvn(port) || !(await isOffered())) return;
      const { id: portId } = port;
      const answer = await neutron.ask(null, 'GET', pathOf(portId));
      if (answer.status === 404) return;
      if (answer.status !== 200) throw networkRefusal(answer, 'list the bindings of a port');
      const all = records(record(answer.body)['bindings']).map((one) => ({
        host: textOf(one['host']),
        isActive: one['status'] === 'ACTIVE',
      }));
      const here = all.find((one) => one.host === host);
      if (here?.isActive === false) {
        const active = await neutron.ask(null, 'PUT', pathOf(portId, host, 'activate'));
        if (active.status !== 200 && active.status !== 409)
          throw networkRefusal(active, 'activate a binding of a port');
      }
      // the active one of another host goes when the port is bound to none
      const others = all.filter((one) => one.host !== host && (here !== undefined || !one.isActive));
      for (const other of others) await end(portId, other.host);
    },
  };
}
