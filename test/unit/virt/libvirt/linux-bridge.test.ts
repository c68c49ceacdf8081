// A bridge of Linux is made where nobody made it, is left alone where it is, and is not left half made.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Fault } from '../../../../src/base/errors.ts';
import { makeMutex } from '../../../../src/base/mutex.ts';
import { ensureBridge } from '../../../../src/virt/libvirt/linux-bridge.ts';
import { networkFacts, nicSpec } from '../../../support/guest-spec.ts';

const nic = { ...nicSpec(networkFacts([]), []), vifType: 'bridge' };
const NAME = `brq${nic.network.id.slice(0, 11)}`;

/** A kernel with some bridges: what was changed of them, and which command it refuses. */
function kernel(bridges: Record<string, boolean>, refused = /^$/) {
  const changes: string[] = [];
  const place = {
    enter: ['in', 'there'],
    networks: makeMutex(),
    run: async (file: string, args: readonly string[]) => {
      assert.deepEqual([file, args[0]], ['in', 'there']);
      const words = args.slice(1).join(' ');
      if (words === 'ip -json link show type bridge')
        return JSON.stringify(Object.entries(bridges).map(([ifname, up]) => ({ ifname, flags: up ? ['UP'] : [] })));
      changes.push(words);
      if (refused.test(words)) throw new Error('Operation not permitted');
      if (words.startsWith('ip link add')) bridges[NAME] = false;
      if (words.endsWith('up')) bridges[NAME] = true;
      if (words.startsWith('ip link del')) delete bridges[NAME];
      return '';
    },
  };
  return { bridges, changes, place };
}

describe('the bridge of a port', () => {
  it('is made without an address of this host in it, once', async () => {
    const { changes, place } = kernel({ br0: true });
    await Promise.all([ensureBridge(place, nic), ensureBridge(place, nic)]);
    assert.deepEqual(changes, [
      `ip link add name ${NAME} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
      `sysctl -q -e -w net/ipv6/conf/${NAME}/disable_ipv6=1`,
      `ip link set dev ${NAME} up`,
    ]);
  });

  it('is left as it is where it is up, and finished where it is not', async () => {
    const whole = kernel({ [NAME]: true });
    await ensureBridge(whole.place, nic);
    assert.deepEqual(whole.changes, []);
    const half = kernel({ [NAME]: false });
    await ensureBridge(half.place, nic);
    assert.equal(half.changes.length, 2);
    assert.equal(half.bridges[NAME], true);
  });

  it('is nothing to ports of other kinds', async () => {
    const { changes, place } = kernel({});
    for (const vifType of ['nat', 'ovs']) await ensureBridge(place, { ...nic, vifType });
    assert.deepEqual(changes, []);
  });

  for (const refused of [/link add/, /sysctl/, /up$/]) {
    it(`is refused with what it takes, and not left half made, where ${refused} is not allowed`, async () => {
      const { bridges, place } = kernel({}, refused);
      await assert.rejects(
        ensureBridge(place, nic),
        (fault: Fault) =>
          fault.code === 'port.bridge' && /not permitted/.test(fault.message) && /CAP_NET_ADMIN/.test(fault.message),
      );
      assert.deepEqual(bridges, {});
    });
  }

  it("is Neutron's where its agent was quicker", async () => {
    const { bridges, place } = kernel({}, /link add/);
    const { run } = place;
    const racing = {
      ...place,
      run: async (file: string, args: readonly string[]) =>
        run(file, args).catch((error: unknown) => {
          bridges[NAME] = true;
          throw error;
        }),
    };
    await ensureBridge(racing, nic);
  });
});
