// Why: tests of servers and networks together make networks and ports as their users do, at the built-in network service over
// the world's own database.

import { makePolicy } from '../../src/policies/load.ts';
import assert from 'node:assert/strict';
import { makePortNews } from '../../src/main/port-news.ts';
import { makeNetworks } from '../../src/standalone/network/networks.ts';
import { authenticate, type CallerName } from './callers.ts';
import { type Answer, listen } from './http.ts';
import type { World } from './world.ts';

export interface Neutron {
  ask(as: CallerName, method: string, path: string, body?: unknown): Promise<Answer>;
  /** Makes a network with a subnet and returns its id. */
  network(as: CallerName, name: string, cidr: string, more?: object): Promise<string>;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read what they expect
  port(as: CallerName, networkId: string, more?: object): Promise<any>;
  close(): Promise<void>;
}

/** Addresses are given out at random: those below are for tests to name. */
const upperHalf = (cidr: string): object => {
  const net = /^(.*\.)0\/24$/.exec(cidr)?.[1];
  return net === undefined ? {} : { allocation_pools: [{ start: `${net}128`, end: `${net}254` }] };
};

/** @param told whether compute is told what clients do to ports, as `xloud serve` wires it */
export async function startNeutron({ database, deps, ops, floatingIps }: World, told = false): Promise<Neutron> {
  const { clock, log } = deps;
  const tell = told ? { tell: makePortNews((op, events) => ops.takeExternalEvents(op, events), deps) } : {};
  const { app } = makeNetworks({
    database,
    clock,
    log,
    authenticate,
    policy: makePolicy({ log, clock }),
    observer: { answered() {} },
    floatingIps,
    ...tell,
  });
  const handle = app.callback();
  const server = await listen((request, response) => void handle(request, response));
  const made = async (as: CallerName, noun: string, body: object) => {
    const answer = await neutron.ask(as, 'POST', `${noun}s`, { [noun]: body });
    assert.equal(answer.status, 201, answer.text);
    return answer.body[noun];
  };
  const neutron: Neutron = {
    ask(as, method, path, body) {
      const type = body === undefined ? {} : { 'Content-Type': 'application/json' };
      const text = body === undefined ? undefined : JSON.stringify(body);
      return server.send(method, `/v2.0/${path}`, { 'X-Auth-Token': as, ...type }, text);
    },
    async network(as, name, cidr, more = {}) {
      const { id } = await made(as, 'network', { name, ...more });
      await made(as, 'subnet', { network_id: id, cidr, ip_version: 4, ...upperHalf(cidr) });
      return id;
    },
    port: (as, networkId, more = {}) => made(as, 'port', { network_id: networkId, ...more }),
    close: () => server.close(),
  };
  return neutron;
}
