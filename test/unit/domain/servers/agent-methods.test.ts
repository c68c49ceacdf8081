import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { optionalVerbs } from '../../../../src/domain/placement/hosts.ts';
import { methodNames, methodTraits } from '../../../../src/domain/servers/agent-methods.ts';

describe('methods of agents', () => {
  it('are told of by hosts under the names, and in the order, in which databases have them', () => {
    const had = [
      ...['pause', 'unpause', 'suspend', 'resume', 'rescue', 'unrescue', 'rebuild', 'setAdminPassword', 'injectNmi'],
      ...['snapshot', 'migrateDisk', 'receiveDisk', 'restoreDisk', 'dropDisk', 'liveMigrate', 'liveProgress'],
      ...['steerLive', 'attachNic', 'detachNic', 'diagnostics', 'remoteConsole', 'cacheImage', 'syncGuest'],
    ];
    // a new one may stand anywhere, and needs no word here
    assert.deepEqual(
      optionalVerbs.filter((verb) => had.includes(verb)),
      had,
    );
  });

  it('come with one that hosts tell of', () => {
    for (const name of methodNames) {
      const { optional } = methodTraits[name];
      if (typeof optional === 'string')
        assert.ok(
          optionalVerbs.some((verb) => verb === optional),
          name,
        );
    }
  });

  it('that must not be done twice change a guest, in its own turn', () => {
    const once = methodNames.filter((name) => methodTraits[name].once);
    assert.deepEqual(once, ['reboot', 'rebuild', 'setAdminPassword', 'injectNmi']);
    for (const name of once) {
      const { guest, queue, reads } = methodTraits[name];
      assert.ok(guest !== null && queue === undefined && !reads, name);
    }
  });
});
