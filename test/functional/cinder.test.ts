// Volumes of an operator's Cinder: what compute asks of it in which order, with whose rights, and what stands at both after any of it failed.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { volumesOfServer } from '../../src/db/server-volumes.ts';
import { callers } from '../support/callers.ts';
import { iscsiInfo, type Mishap, rbdInfo } from '../support/cinder-double.ts';
import { type CinderVolumes, startCinderVolumes } from '../support/cinder-volumes.ts';
import type { Answer } from '../support/http.ts';
import { volumeCases } from '../support/saga-cases/volumes.ts';
import { testSaga } from '../support/saga-suite.ts';
import { type Servers, startServers } from '../support/servers.ts';

const PROJECT = callers.member.projectId ?? '';
const FASTER = 20;
const beganMs = Date.now();
/** What waits between two attempts waits a twentieth of it. */
const quick: Clock = {
  now: () => beganMs + (Date.now() - beganMs) * FASTER,
  sleep: (ms, signal) => systemClock.sleep(ms / FASTER, signal),
};

describe("sagas over an operator's Cinder", () => {
  const opened: CinderVolumes[] = [];
  const volumes = async () => {
    const one = await startCinderVolumes(() => ({ find: async () => null }));
    opened.push(one);
    return one;
  };
  after(() => Promise.all(opened.map((one) => one.close())));
  for (const one of volumeCases) testSaga({ ...one, engine: 'sqlite', volumes });
});

describe("an operator's Cinder", { concurrency: 1 }, () => {
  let servers: Servers;
  let volumes: CinderVolumes;
  let flavorRef = '';
  before(async () => {
    volumes = await startCinderVolumes(() => servers.world.images);
    servers = await startServers({
      volumes,
      clock: quick,
      hosts: [
        { name: 'host-1', inventory: { memoryMb: 65_536 } },
        { name: 'host-2', inventory: { memoryMb: 32_768 } },
      ],
    });
    flavorRef = await servers.world.flavor({ rootGb: 0, vcpus: 1, memoryMb: 256 });
  });
  after(async () => {
    await servers?.close();
    await volumes?.close();
  });

  /** Whether Cinder is made to fail: 503, which Nova declares nowhere. */
  let fails = false;
  const ask = (method: string, path: string, body?: object, as: 'admin' | 'member' = 'member') =>
    servers.request(method, path, { as, version: '2.100', recorded: !fails, ...(body === undefined ? {} : { body }) });
  const done = (answer: Answer, status = 202): Answer => {
    assert.equal(answer.status, status, answer.text);
    return answer;
  };
  const act = async (id: string, body: object, as: 'admin' | 'member' = 'admin') => {
    const answer = await ask('POST', `/servers/${id}/action`, body, as);
    assert.ok(answer.status < 300, answer.text);
    await servers.world.settled();
  };
  const attachedTo = (id: string) => volumes.attachments().filter(({ serverUuid }) => serverUuid === id);
  const attach = (id: string, volumeId: string) =>
    ask('POST', `/servers/${id}/os-volume_attachments`, { volumeAttachment: { volumeId } });
  const rowsOf = async (id: string) =>
    volumesOfServer(servers.world.database.read, (await servers.world.server(id)).id);
  const at = () => volumes.cinder;

  /** A server with one volume beside its root disk. */
  async function withVolume(): Promise<{ readonly id: string; readonly volumeId: string }> {
    const id = await servers.create({});
    const volumeId = volumes.add(PROJECT);
    done(await attach(id, volumeId), 200);
    await servers.world.settled();
    return { id, volumeId };
  }

  /** Row, Cinder and guest agree on the volumes that a server has, and on where. */
  async function agree(id: string, count: number): Promise<void> {
    const { host } = await servers.world.server(id);
    const rows = await rowsOf(id);
    const plugged = servers.world.drivers.get(host ?? '')?.store.get(id)?.spec.disks.volumes ?? [];
    const attached = attachedTo(id);
    assert.deepEqual(
      attached.map(({ id: one, status, host: where, device }) => `${one} ${status} ${where} ${device}`).toSorted(),
      rows.map(({ attachmentId, device }) => `${attachmentId} attached ${host} ${device}`).toSorted(),
    );
    assert.equal(rows.length, count);
    assert.deepEqual(
      plugged.map(({ volumeId, name }) => `${volumeId} ${name}`).toSorted(),
      rows.map(({ volumeId, device }) => `${volumeId} ${device.replace('/dev/', '')}`).toSorted(),
    );
    for (const { volumeId } of rows) assert.equal(volumes.stateOf(volumeId), 'in-use');
  }

  it('is asked with the token of who asks, and shown our own beside it', async () => {
    const id = volumes.add(PROJECT);
    at().asked.length = 0;
    done(await servers.request('GET', `/os-volumes/${id}`, { as: 'member' }), 200);
    const missing = await servers.request('GET', `/os-volumes/${volumes.add('another')}`, { as: 'member' });
    assert.equal(missing.status, 404);
    assert.deepEqual(
      at().asked.map(({ token, serviceToken, version }) => [token, serviceToken, version]),
      [
        ['member', 'service', 'volume 3.44'],
        ['member', 'service', 'volume 3.44'],
      ],
    );
  });

  it('has volumes and snapshots made, listed and deleted through compute', async () => {
    const made = done(
      await servers.request('POST', '/os-volumes', {
        as: 'member',
        body: { volume: { size: 2, display_name: 'data' } },
      }),
      200,
    );
    const { id, displayName, size, createdAt } = made.body.volume;
    assert.deepEqual([displayName, size, createdAt], ['data', 2, '2026-01-01T00:00:00.000000']);
    const snapshot = done(
      await servers.request('POST', '/os-snapshots', { as: 'member', body: { snapshot: { volume_id: id } } }),
      200,
    );
    const kept = await servers.request('DELETE', `/os-volumes/${id}`, { as: 'member' });
    assert.deepEqual([kept.status, kept.body.badRequest?.message], [400, 'Invalid volume: it has snapshots']);
    done(await servers.request('DELETE', `/os-snapshots/${snapshot.body.snapshot.id}`, { as: 'member' }));
    done(await servers.request('DELETE', `/os-volumes/${id}`, { as: 'member' }));
    const big = await servers.request('POST', '/os-volumes', { as: 'member', body: { volume: { size: 5_000 } } });
    assert.equal(big.status, 403, big.text);
    assert.match(big.text, /exceeds allowed gigabytes quota/);
  });

  it('keeps, connects and completes an attachment as Nova does, and ends it again', async () => {
    const id = await servers.create({});
    const volumeId = volumes.add(PROJECT);
    at().asked.length = 0;
    done(await attach(id, volumeId), 200);
    await servers.world.settled();
    const writes = () => at().asked.filter(({ method }) => method !== 'GET');
    const [reserved, connected, completed] = writes();
    assert.deepEqual(reserved?.body, { attachment: { volume_uuid: volumeId, instance_uuid: id } });
    const { host } = await servers.world.server(id);
    assert.deepEqual(connected?.body['attachment'].connector, {
      ...{ host, ip: '127.0.0.1', platform: 'x86_64', os_type: 'linux', multipath: false, mountpoint: '/dev/vdb' },
      initiator: `iqn.2008-11.org.linux-kvm:${host}`,
    });
    assert.deepEqual(completed?.body, { 'os-complete': null });
    assert.deepEqual(
      writes().map(({ token }) => token),
      ['service', 'service', 'service'],
    );
    await agree(id, 1);
    const [row] = await rowsOf(id);
    const disk = row?.disk;
    assert.ok(disk?.kind === 'rbd');
    assert.deepEqual(
      [disk.image, disk.auth],
      [`volumes/volume-${volumeId}`, { user: 'cinder', secretUuid: '457eb676-33da-42ec-9a8c-9293d545c337' }],
    );
    at().asked.length = 0;
    done(await ask('DELETE', `/servers/${id}/os-volume_attachments/${volumeId}`));
    await servers.world.settled();
    assert.deepEqual(
      writes().map(({ method, body }) => [method, Object.keys(body)[0] ?? '']),
      [
        ['POST', 'os-begin_detaching'],
        ['DELETE', ''],
      ],
    );
    await agree(id, 0);
    assert.equal(volumes.stateOf(volumeId), 'available');
  });

  it('refuses what its hosts cannot open, and leaves the volume as it was', async () => {
    const id = await servers.create({});
    for (const [info, why] of [
      [{ driver_volume_type: 'fibre_channel' }, /reached by fibre_channel, and hosts know rbd, iscsi and nfs/],
      [{ ...rbdInfo({ id: 'x' }), encrypted: true }, /it is encrypted/],
      [{ driver_volume_type: 'nfs', export: 'a:/b', name: '../../etc/shadow' }, /no file of a share/],
    ] as const) {
      at().info = () => info;
      const volumeId = volumes.add(PROJECT);
      done(await attach(id, volumeId), 200);
      await servers.world.settled();
      assert.equal(volumes.stateOf(volumeId), 'available');
      await agree(id, 0);
      const actions = await ask('GET', `/servers/${id}/os-instance-actions`, undefined, 'admin');
      const { request_id: request } = actions.body.instanceActions[0];
      const events = await ask('GET', `/servers/${id}/os-instance-actions/${request}`, undefined, 'admin');
      assert.match(JSON.stringify(events.body), why);
    }
    at().info = rbdInfo;
  });

  /** Hosts whose agents are of before there were connectors, for as long as that lasts. */
  async function ofBefore(names: readonly string[], work: () => Promise<void>): Promise<void> {
    const { write, read } = servers.world.database;
    const kept: { id: number; host: string; facts: string }[] = await read('hosts').select('id', 'host', 'facts');
    for (const { id, facts } of kept.filter(({ host }) => names.includes(host))) {
      const { connector: _connector, ...before } = JSON.parse(facts);
      await write('hosts')
        .where({ id })
        .update({ facts: JSON.stringify(before) });
    }
    try {
      await work();
    } finally {
      for (const { id, facts } of kept) await write('hosts').where({ id }).update({ facts });
    }
  }

  it('gives hosts whose agents are of before nothing that those would not know', async () => {
    const { id } = await withVolume();
    const home = (await servers.world.server(id)).host ?? '';
    await ofBefore([home], async () => {
      const second = volumes.add(PROJECT);
      done(await attach(id, second), 200);
      await servers.world.settled();
      assert.equal(volumes.stateOf(second), 'available');
    });
    await ofBefore(home === 'host-1' ? ['host-2'] : ['host-1'], () =>
      act(id, { 'os-migrateLive': { host: null, block_migration: 'auto' } }),
    );
    assert.equal((await servers.world.server(id)).host, home);
    await agree(id, 1);
  });

  it('has new servers boot from volumes that belong to who asked, made once', async () => {
    const blank = { source_type: 'blank', destination_type: 'volume', volume_size: 3, boot_index: -1 };
    const image = {
      source_type: 'image',
      uuid: servers.imageId,
      destination_type: 'volume',
      volume_size: 2,
      boot_index: 0,
    };
    at().asked.length = 0;
    const devices = [
      { ...image, delete_on_termination: true },
      { ...blank, delete_on_termination: true },
    ];
    const made = done(
      await ask('POST', '/servers', {
        server: { name: 'web', flavorRef, networks: 'none', block_device_mapping_v2: devices },
      }),
    );
    await servers.world.settled();
    const { id } = made.body.server;
    assert.equal((await servers.show(id)).status, 'ACTIVE');
    await agree(id, 2);
    const asked = at().asked.filter(({ method, path }) => method === 'POST' && path === '/volumes');
    assert.deepEqual(
      asked.map(({ token, body }) => [token, body['volume'].imageRef, body['volume'].size]),
      [
        ['member', servers.imageId, 2],
        ['member', undefined, 3],
      ],
    );
    for (const { volumeId } of await rowsOf(id))
      assert.equal(at().volumes.get(volumeId)?.['os-vol-tenant-attr:tenant_id'], PROJECT);

    const imaged = done(await ask('POST', `/servers/${id}/action`, { createImage: { name: 'of it' } }));
    await servers.world.settled();
    const taken = [...at().snapshots.values()];
    assert.deepEqual(
      taken.map((one) => [one['name'], one['os-vol-tenant-attr:tenant_id']]),
      [
        ['snapshot for of it', PROJECT],
        ['snapshot for of it', PROJECT],
      ],
    );
    const again = done(
      await ask('POST', '/servers', {
        server: { name: 'two', flavorRef, networks: 'none', imageRef: imaged.body.image_id },
      }),
    );
    await servers.world.settled();
    assert.equal((await servers.show(again.body.server.id)).status, 'ACTIVE');
    await agree(again.body.server.id, 2);

    const before = (await rowsOf(id)).map(({ volumeId }) => volumeId);
    for (const one of taken) at().snapshots.delete(one.id);
    for (const one of [id, again.body.server.id]) done(await ask('DELETE', `/servers/${one}`), 204);
    await servers.world.settled();
    assert.deepEqual(
      before.map((one) => volumes.stateOf(one)),
      [null, null],
    );
    assert.deepEqual([...attachedTo(id), ...attachedTo(again.body.server.id)], []);
  });

  it('makes no volume for a server that is not made', async () => {
    const before = at().volumes.size;
    const blank = { source_type: 'blank', destination_type: 'volume', boot_index: -1 };
    const image = { source_type: 'image', uuid: servers.imageId, destination_type: 'local', boot_index: 0 };
    const devices = [image, { ...blank, volume_size: 1 }, { ...blank, volume_size: 50_000 }];
    const refused = await ask('POST', '/servers', {
      server: {
        name: 'web',
        flavorRef: 'plain',
        imageRef: servers.imageId,
        networks: 'none',
        block_device_mapping_v2: devices,
      },
    });
    assert.equal(refused.status, 403, refused.text);
    assert.equal(at().volumes.size, before);
  });

  it('puts an image on the volume that a server boots from, apart from its host, where that can be', async () => {
    const image = {
      source_type: 'image',
      uuid: servers.imageId,
      destination_type: 'volume',
      volume_size: 2,
      boot_index: 0,
    };
    const made = done(
      await ask('POST', '/servers', {
        server: { name: 'web', flavorRef, networks: 'none', block_device_mapping_v2: [image] },
      }),
    );
    await servers.world.settled();
    const { id } = made.body.server;
    at().newest = '3.60';
    const refused = await ask('POST', `/servers/${id}/action`, { rebuild: { imageRef: servers.imageId } });
    assert.equal(refused.status, 501, refused.text);
    at().newest = '3.70';
    at().asked.length = 0;
    done(await ask('POST', `/servers/${id}/action`, { rebuild: { imageRef: servers.imageId } }));
    await servers.world.settled();
    assert.equal((await servers.show(id)).status, 'ACTIVE');
    await agree(id, 1);
    const [put] = at().asked.filter(({ body }) => 'os-reimage' in body);
    assert.deepEqual(
      [put?.version, put?.body['os-reimage']],
      ['volume 3.68', { image_id: servers.imageId, reimage_reserved: true }],
    );
    done(await ask('DELETE', `/servers/${id}`), 204);
    await servers.world.settled();
  });

  it('tells guests that their volumes are larger', async () => {
    const { id, volumeId } = await withVolume();
    Object.assign(at().volumes.get(volumeId) ?? {}, { size: 7 });
    const events = [{ name: 'volume-extended', server_uuid: id, tag: volumeId }];
    done(await ask('POST', '/os-server-external-events', { events }, 'admin'), 200);
    const actions = await ask('GET', `/servers/${id}/os-instance-actions`);
    assert.equal(actions.body.instanceActions[0].action, 'extend_volume');
  });

  const moves: Readonly<Record<string, (id: string, volumeId: string) => Promise<void>>> = {
    live: (id) => act(id, { 'os-migrateLive': { host: null, block_migration: 'auto' } }),
    async cold(id) {
      await act(id, { migrate: {} });
      await act(id, { confirmResize: null });
    },
    async shelve(id) {
      await act(id, { shelve: null }, 'member');
      const [row] = await rowsOf(id);
      assert.deepEqual(
        volumes
          .attachments()
          .filter(({ serverUuid }) => serverUuid === id)
          .map(({ id: one, status, host }) => [one, status, host]),
        [[row?.attachmentId, 'reserved', null]],
      );
      await act(id, { unshelve: null }, 'member');
    },
    async detach(id, volumeId) {
      done(await ask('DELETE', `/servers/${id}/os-volume_attachments/${volumeId}`));
      await servers.world.settled();
    },
  };

  for (const [kind, info] of [
    ['rbd', rbdInfo],
    ['iscsi', iscsiInfo],
  ] as const) {
    for (const [name, move] of Object.entries(moves)) {
      it(`follows a server by ${kind}: ${name}`, async () => {
        at().info = info;
        const { id, volumeId } = await withVolume();
        const before = await rowsOf(id);
        await move(id, volumeId);
        await agree(id, name === 'detach' ? 0 : 1);
        const { host } = await servers.world.server(id);
        const [row] = await rowsOf(id);
        const plugged = servers.world.drivers.get(host ?? '')?.store.get(id)?.spec.disks.volumes ?? [];
        if (name !== 'detach') {
          assert.notEqual(row?.attachmentId, before[0]?.attachmentId);
          assert.deepEqual(plugged, [row?.disk]);
        }
        if (kind === 'iscsi' && name !== 'detach')
          assert.match(JSON.stringify(row?.disk), new RegExp(`secret-of-${host}`));
        // what actions keep of their steps is read by more people than the rows of volumes
        const events = JSON.stringify(await servers.world.database.read('instance_action_events').select());
        assert.doesNotMatch(events, /secret-of-/);
        done(await ask('DELETE', `/servers/${id}`), 204);
        await servers.world.settled();
        assert.deepEqual(attachedTo(id), []);
        at().info = rbdInfo;
      });
    }
  }

  for (const how of ['refused', 'lost', 'answered by a stranger'] as const satisfies readonly Mishap[]) {
    it(`keeps nothing of a server that is deleted, whichever of its answers is ${how}`, async () => {
      for (let n = 1; ; n += 1) {
        const { id, volumeId } = await withVolume();
        at().failAt(n, how);
        done(await ask('DELETE', `/servers/${id}`), 204);
        await servers.world.settled();
        const reached = at().count();
        at().failAt(0, how);
        assert.deepEqual([attachedTo(id), volumes.stateOf(volumeId)], [[], 'available'], `request ${n}`);
        if (reached < n) break;
      }
    });

    for (const [name, move] of Object.entries(moves)) {
      it(`ends well whichever of its answers is ${how}: ${name}`, { timeout: 300_000 }, async () => {
        for (let n = 1; ; n += 1) {
          const { id, volumeId } = await withVolume();
          at().failAt(n, how);
          fails = true;
          await move(id, volumeId).catch((error: unknown) => {
            // what is refused within a request is the caller's to ask again
            if (!String(error).includes('503')) throw error;
          });
          await servers.world.settled();
          const reached = at().count();
          at().failAt(0, how);
          fails = false;
          const gone = (await rowsOf(id)).length === 0;
          await agree(id, gone ? 0 : 1);
          done(await ask('DELETE', `/servers/${id}`), 204);
          await servers.world.settled();
          assert.deepEqual(attachedTo(id), []);
          assert.equal(volumes.stateOf(volumeId), 'available');
          if (reached < n) break;
        }
        assert.deepEqual(await servers.world.leftovers(), []);
      });
    }
  }

  it('is kept for a server that has no host, and comes with it', async () => {
    const id = await servers.create({});
    await act(id, { shelve: null }, 'member');
    const [volumeId, gone] = [volumes.add(PROJECT), volumes.add(PROJECT)];
    for (const one of [volumeId, gone]) {
      done(await attach(id, one), 200);
      await servers.world.settled();
      assert.equal(volumes.stateOf(one), 'reserved');
    }
    done(await ask('DELETE', `/servers/${id}/os-volume_attachments/${gone}`));
    await servers.world.settled();
    assert.equal(volumes.stateOf(gone), 'available');
    await act(id, { unshelve: null }, 'member');
    await agree(id, 1);
  });

  it('follows a server away from a dead host', async () => {
    const { id } = await withVolume();
    const { host } = await servers.world.server(id);
    await servers.world.killHost(host ?? '');
    const body = { host, binary: 'nova-compute', forced_down: true };
    done(await servers.request('PUT', '/os-services/force-down', { as: 'admin', version: '2.11', body }), 200);
    await act(id, { evacuate: {} });
    assert.notEqual((await servers.world.server(id)).host, host);
    await agree(id, 1);
  });
});
