// One more address for a port: only subnets without room are passed over.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { conflict, type Fault, forbidden, unavailable } from '../../../src/base/errors.ts';
import type { NetworkApi } from '../../../src/cloud/network-api.ts';
import { makeNetworkService } from '../../../src/cloud/network-service.ts';

const full = conflict('No more IP addresses available.', { code: 'IpAddressGenerationFailure' });

const server = { uuid: 's', projectId: 'p1' };

/** A server with one port on network `n`, which has a subnet for each answer: null gives an address. */
function service(answers: readonly (Fault | null)[]) {
  const asked: string[] = [];
  const port = {
    id: 'p',
    projectId: server.projectId,
    networkId: 'n',
    deviceId: server.uuid,
    hostId: 'host-1',
    fixedIps: [],
    profile: {},
  };
  const api = {
    portsOfDevice: async () => [port],
    facts: async () => [{ id: 'n', subnets: answers.map((_, index) => ({ id: String(index) })) }],
    async changePort(_caller: null, _id: string, { fixedIps }: { fixedIps: readonly { subnetId: string }[] }) {
      const subnetId = fixedIps.at(-1)?.subnetId ?? '';
      asked.push(subnetId);
      const fault = answers[Number(subnetId)] ?? null;
      if (fault !== null) throw fault;
    },
  };
  return { asked, network: makeNetworkService(api as unknown as NetworkApi) };
}

describe('one more address', () => {
  it('is of the first subnet that has room', async () => {
    const { network, asked } = service([full, null, null]);
    await network.addFixedIp(server, 'n');
    assert.deepEqual(asked, ['0', '1']);
  });

  it('is refused where no subnet has room', async () => {
    await assert.rejects(service([full, full]).network.addFixedIp(server, 'n'), { code: 'NoMoreFixedIps' });
  });

  it('fails as the network service says where it is no matter of room', async () => {
    for (const fault of [forbidden('Not yours.'), unavailable('Away.'), conflict('Changed.', { code: 'PortInUse' })]) {
      const { network, asked } = service([full, fault, null]);
      await assert.rejects(network.addFixedIp(server, 'n'), fault);
      assert.deepEqual(asked, ['0', '1']);
    }
  });
});
