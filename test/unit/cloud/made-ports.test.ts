// Ports that another program made for a server carry no mark of ours: its rows say which of them go with it.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NetworkApi } from '../../../src/cloud/network-api.ts';
import { makeNetworkService } from '../../../src/cloud/network-service.ts';
import { profileOf } from '../../../src/cloud/port-mark.ts';
import { asKnown, type NicSpec } from '../../../src/domain/networks/server-nics.ts';

const server = { uuid: 's', projectId: 'p1' };

describe('the ports of a server that is deleted', () => {
  it('are deleted where they were made for it, by whomever, and else let go', async () => {
    const ended: string[] = [];
    const port = (id: string, profile: object = {}) => ({ id, projectId: 'p1', deviceId: 's', hostId: 'h', profile });
    const api = {
      portsOfDevice: async () => [
        port('made there'),
        port('given there'),
        port('made here', profileOf({ position: 0, preexisting: false, tag: null })),
        // what is marked here is what it is marked as, whatever rows say
        port('given here', profileOf({ position: 1, preexisting: true, tag: null })),
      ],
      deletePort: async (id: string) => void ended.push(`delete ${id}`),
      unbindPort: async (id: string) => void ended.push(`unbind ${id}`),
    };
    const network = makeNetworkService(api as unknown as NetworkApi);
    await network.release({ ...server, made: ['made there', 'given here'] });
    assert.deepEqual(ended, ['delete made there', 'unbind given there', 'delete made here', 'unbind given here']);
  });

  it('stay what they are to it, and in their order, whatever the network service tells later', () => {
    const nic = (portId: string, preexisting: boolean, tag: string | null = null) =>
      ({ portId, preexisting, tag, mac: 'new' }) as NicSpec;
    const before = [nic('b', false, 'blue'), nic('a', false)];
    assert.deepEqual(asKnown(before, [nic('a', true), nic('c', true), nic('b', true)]), [
      nic('b', false, 'blue'),
      nic('a', false),
      nic('c', true),
    ]);
  });
});
