// The built-in volume service over HTTP on both engines: versions, lists, metadata, snapshots, transfers, types, QoS, quotas and
// attachments, in Cinder's words. What happens to bytes is in volume-bytes.test.ts, who may do what in policy-walk-services.test.ts.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { newUuid } from '../../src/base/ids.ts';
import { addServerVolume, removeServerVolume } from '../../src/db/server-volumes.ts';
import { insertServer } from '../../src/db/servers.ts';
import { tx } from '../../src/db/tx.ts';
import { callers, type Cloud, startCloud, type Who } from '../support/cloud.ts';
import { engines } from '../support/database.ts';
import { newServer } from '../support/rows.ts';
import { volumeClient, type VolumeClient } from '../support/volumes.ts';

const projectOf = (who: Who): string => callers[who].projectId ?? '';

for (const engine of engines) {
  describe(`the volume API on ${engine}`, () => {
    let cloud: Cloud;
    let volumes: VolumeClient;
    before(async () => {
      cloud = await startCloud({ engine, volume: { quota: { volumes: -1, snapshots: -1, gigabytes: -1 } } });
      volumes = volumeClient(cloud);
    });
    after(() => cloud.close());

    const refused = async (status: number, words: RegExp | null, ...request: Parameters<VolumeClient['ask']>) => {
      const answer = await volumes.ask(...request);
      assert.equal(answer.status, status, `${request[0]} ${request[1]}: ${answer.text}`);
      if (words !== null) assert.match(answer.text, words);
      return answer;
    };
    const quota = (who: Who, quota_set: object) =>
      volumes.done('PUT', `/os-quota-sets/${projectOf(who)}`, { quota_set }, 'admin');
    const noQuota = (who: Who) => quota(who, { volumes: -1, snapshots: -1, gigabytes: -1, per_volume_gigabytes: -1 });

    it('says which versions it has, and answers with the one that was asked for', async () => {
      const said = async (header?: string) =>
        cloud.ask(
          'demo',
          'GET',
          '/volume/v3/volumes',
          undefined,
          header === undefined ? {} : { 'OpenStack-API-Version': header },
        );
      for (const [header, answered] of [
        [undefined, 'volume 3.0'],
        ['volume 3.59', 'volume 3.59'],
        ['compute 2.90, volume 3.27', 'volume 3.27'],
        ['compute 2.90', 'volume 3.0'],
        ['volume latest', 'volume 3.68'],
      ] as const) {
        const { status, headers } = await said(header);
        assert.equal(status, 200);
        assert.equal(headers.get('OpenStack-API-Version'), answered);
        assert.match(headers.get('Vary') ?? '', /OpenStack-API-Version/);
      }
      for (const [header, status] of [
        ['volume 3.69', 406],
        ['volume 2.0', 406],
        ['volume 4.0', 406],
        ['volume x', 400],
        ['volume 3', 400],
      ] as const)
        assert.equal((await said(header)).status, status, header);
      const root = await cloud.ask(null, 'GET', '/volume/');
      assert.equal(root.status, 300);
      assert.deepEqual([root.json.versions[0].version, root.json.versions[0].min_version], ['3.68', '3.0']);
      assert.equal((await cloud.ask(null, 'GET', '/volume/v3/')).status, 200);
      assert.equal((await cloud.ask(null, 'GET', '/volume/v3/volumes')).status, 401);
    });

    it('a path may name the project of the token, and no other', async () => {
      assert.equal((await volumes.ask('GET', `/${projectOf('demo')}/volumes`)).status, 200);
      await refused(400, /Malformed request URL/, 'GET', `/${projectOf('other')}/volumes`);
      await refused(400, /Malformed request URL/, 'GET', `/${projectOf('demo')}/volumes`, undefined, '3.67', 'admin');
      await refused(404, null, 'GET', '/nothing');
      await refused(404, null, 'GET', '/attachments', undefined, '3.26');
      await refused(404, null, 'GET', '/volume-transfers', undefined, '3.54');
      await refused(404, null, 'GET', '/volumes/summary', undefined, '3.11');
    });

    it('what belongs to another project is as what is not there', async () => {
      const id = await volumes.create({ size: 1 });
      const snapshot = await volumes.snapshot(id);
      const { attachment } = await volumes.done('POST', '/attachments', { attachment: { volume_uuid: id } });
      const offered = await volumes.create({ size: 1 });
      const { transfer } = await volumes.done('POST', '/volume-transfers', { transfer: { volume_id: offered } });
      const paths = [
        `/volumes/${id}`,
        `/volumes/${id}/metadata`,
        `/snapshots/${snapshot}`,
        `/snapshots/${snapshot}/metadata`,
        `/attachments/${attachment.id}`,
        `/volume-transfers/${transfer.id}`,
      ];
      for (const path of paths) {
        const mine = await refused(404, null, 'GET', path, undefined, '3.67', 'other');
        const none = await volumes.ask('GET', path.replace(/[0-9a-f-]{36}/, newUuid()), undefined, '3.67', 'other');
        const withoutIds = (text: string) => text.replaceAll(/[0-9a-f-]{36}/g, '');
        assert.equal(withoutIds(mine.text), withoutIds(none.text), path);
      }
      for (const [path, body] of [
        [`/volumes/${id}/action`, { 'os-extend': { new_size: 2 } }],
        ['/volumes', { volume: { source_volid: id } }],
        ['/volumes', { volume: { snapshot_id: snapshot } }],
        ['/snapshots', { snapshot: { volume_id: id } }],
        ['/attachments', { attachment: { volume_uuid: id } }],
        ['/volume-transfers', { transfer: { volume_id: id } }],
      ] as const)
        await refused(404, null, 'POST', path, body, '3.67', 'other');
      await refused(404, null, 'DELETE', `/volumes/${id}`, undefined, '3.67', 'other');
      await volumes.done('DELETE', `/attachments/${attachment.id}`);
    });

    it('lists by filters, in order, page by page', async () => {
      const ids: Record<string, string> = {};
      for (const [name, size, metadata] of [
        ['b', 1, { tier: 'gold' }],
        ['a', 2, { tier: 'gold', 'k"': "it's" }],
        ['c', 1, { tier: 'Gold' }],
      ] as const)
        ids[name] = await volumes.create({ name: `list-${name}`, size, metadata }, 'other');
      const names = async (query: string, version?: string): Promise<string[]> => {
        const { status, text, json } = await volumes.ask('GET', `/volumes?${query}`, undefined, version, 'other');
        assert.equal(status, 200, `${query}: ${text}`);
        return json.volumes.map(({ name }: { name: string }) => name.replace('list-', ''));
      };
      assert.deepEqual(await names(''), ['c', 'a', 'b']);
      assert.deepEqual(await names('sort=name:asc'), ['a', 'b', 'c']);
      assert.deepEqual(await names('sort=size,name:asc'), ['a', 'b', 'c']);
      assert.deepEqual(await names('sort_key=name&sort_dir=desc'), ['c', 'b', 'a']);
      assert.deepEqual(await names('name=list-a'), ['a']);
      assert.deepEqual(await names('name=list-A'), [], 'letters are as they are');
      assert.deepEqual(await names('size=1&sort=name:asc'), ['b', 'c']);
      assert.deepEqual(await names('status=error'), []);
      assert.deepEqual(await names('bootable=false&sort=name:asc'), ['a', 'b', 'c']);
      const metadata = (text: string) => `metadata=${encodeURIComponent(text)}&sort=name:asc`;
      assert.deepEqual(await names(metadata("{'tier': 'gold'}")), ['a', 'b']);
      assert.deepEqual(await names(metadata('{"tier": "Gold"}')), ['c']);
      assert.deepEqual(await names(metadata('{"k\\"": "it\'s", "tier": "gold"}')), ['a']);
      assert.deepEqual(await names('strange=1', '3.30'), ['c', 'a', 'b'], 'ignored before 3.31');
      for (const query of ['strange=1', 'sort=strange', 'sort=name:up', 'limit=x', 'limit=-1', 'metadata=x'])
        await refused(400, null, 'GET', `/volumes?${query}`, undefined, '3.67', 'other');
      await refused(404, /Marker/, 'GET', `/volumes?marker=${newUuid()}`, undefined, '3.67', 'other');
      const seen: string[] = [];
      let path = '/volumes?limit=2&sort=name:asc';
      for (let pages = 0; path !== ''; pages += 1) {
        assert.ok(pages < 4);
        const body = await volumes.done('GET', path, undefined, 'other');
        seen.push(...body.volumes.map(({ name }: { name: string }) => name));
        const href: string | undefined = body.volumes_links?.find(({ rel }: { rel: string }) => rel === 'next').href;
        assert.ok(href === undefined || href.startsWith(`${cloud.url}/volume/v3/volumes?`), href);
        path = href === undefined ? '' : href.replace(`${cloud.url}/volume/v3`, '');
      }
      assert.deepEqual(seen, ['list-a', 'list-b', 'list-c']);
      assert.equal((await volumes.done('GET', '/volumes?with_count=true&limit=1', undefined, 'other')).count, 3);
      const summary = await volumes.done('GET', '/volumes/summary', undefined, 'other');
      assert.deepEqual([summary['volume-summary'].total_count, summary['volume-summary'].total_size], [3, 4]);
      assert.deepEqual(await names('all_tenants=1&sort=name:asc'), ['a', 'b', 'c'], 'a tenant has no others');
      await refused(
        404,
        null,
        'GET',
        `/volumes?marker=${await volumes.create({ size: 1 })}`,
        undefined,
        '3.67',
        'other',
      );
      const all = await volumes.done(
        'GET',
        `/volumes/detail?all_tenants=1&project_id=${projectOf('other')}`,
        undefined,
        'admin',
      );
      assert.equal(all.volumes.length, 3);
      assert.equal(all.volumes[0]['os-vol-host-attr:host'], 'volumes@directory#directory');
    });

    it('names, descriptions and metadata change, of volumes and of snapshots', async () => {
      const volume = await volumes.create({ size: 1, metadata: { a: '1' } });
      const snapshot = await volumes.snapshot(volume);
      for (const [noun, id] of [
        ['volume', volume],
        ['snapshot', snapshot],
      ] as const) {
        const path = `/${noun}s/${id}`;
        const changed = await volumes.done('PUT', path, { [noun]: { name: 'ü', description: 'd' } });
        assert.deepEqual([changed[noun].name, changed[noun].description], ['ü', 'd']);
        assert.notEqual(changed[noun].updated_at, null);
        await volumes.done('PUT', `${path}/metadata`, { metadata: { a: '1' } });
        assert.deepEqual(await volumes.done('POST', `${path}/metadata`, { metadata: { b: '2' } }), {
          metadata: { a: '1', b: '2' },
        });
        assert.deepEqual(await volumes.done('PUT', `${path}/metadata/b`, { meta: { b: '3' } }), { meta: { b: '3' } });
        assert.deepEqual(await volumes.done('GET', `${path}/metadata/b`), { meta: { b: '3' } });
        await volumes.done('DELETE', `${path}/metadata/a`);
        assert.deepEqual(await volumes.done('GET', `${path}/metadata`), { metadata: { b: '3' } });
        await refused(404, null, 'GET', `${path}/metadata/a`);
        await refused(404, null, 'DELETE', `${path}/metadata/a`);
        await refused(400, null, 'PUT', `${path}/metadata/b`, { meta: { c: '3' } });
        await refused(400, null, 'POST', `${path}/metadata`, { metadata: { c: 3 } });
        await refused(400, null, 'POST', `${path}/metadata`, { metadata: { c: 'x'.repeat(256) } });
        const many = Object.fromEntries(Array.from({ length: 128 }, (_, at) => [`k${at}`, '']));
        await refused(413, null, 'POST', `${path}/metadata`, { metadata: many });
        await refused(400, null, 'PUT', path, { [noun]: { name: 'x'.repeat(256) } });
        await refused(400, null, 'PUT', path, { [noun]: { size: 3 } });
      }
    });

    it('actions are refused where the state of the volume says so, and by name where there is none', async () => {
      const id = await volumes.create({ size: 1 });
      await refused(400, /no such action/, 'POST', `/volumes/${id}/action`, { 'os-nothing': {} });
      await refused(400, /no such action/, 'POST', `/volumes/${id}/action`, { constructor: {} });
      await refused(400, null, 'POST', `/volumes/${id}/action`, {});
      for (const action of ['os-reset_status', 'os-force_delete', 'os-force_detach'])
        assert.equal((await volumes.act(id, { [action]: { status: 'error' } })).status, 403, action);
      assert.equal((await volumes.act(id, { 'os-reset_status': { status: 'error' } }, '3.67', 'admin')).status, 202);
      for (const action of [
        { 'os-extend': { new_size: 2 } },
        { 'os-volume_upload_image': { image_name: 'x' } },
        { 'os-reserve': {} },
      ])
        assert.equal((await volumes.act(id, action)).status, 400, JSON.stringify(action));
      await refused(400, null, 'POST', '/snapshots', { snapshot: { volume_id: id } });
      await refused(400, null, 'POST', '/volumes', { volume: { source_volid: id } });
      await refused(400, null, 'POST', '/attachments', { attachment: { volume_uuid: id } });
      await volumes.done('DELETE', `/volumes/${id}`);
      await volumes.until('volumes', id, 'gone');
    });

    it('a transfer needs its key, and room with who takes it', async () => {
      const id = await volumes.create({ size: 2 });
      const snapshot = await volumes.snapshot(id);
      const { transfer } = await volumes.done('POST', '/volume-transfers', { transfer: { volume_id: id, name: 't' } });
      await refused(400, null, 'POST', '/volume-transfers', { transfer: { volume_id: id } });
      await refused(400, null, 'DELETE', `/volumes/${id}`);
      assert.equal((await volumes.done('GET', `/volumes/${id}`)).volume.status, 'awaiting-transfer');
      const shown = await volumes.done('GET', `/volume-transfers/${transfer.id}`);
      assert.equal(shown.transfer.auth_key, undefined, 'the key is told once');
      assert.match(transfer.auth_key, /^[0-9a-f]{16}$/, 'longer than the form of a dashboard takes');
      const take = (auth_key: string) =>
        volumes.ask('POST', `/volume-transfers/${transfer.id}/accept`, { accept: { auth_key } }, '3.67', 'other');
      const wrong = await take('0'.repeat(32));
      assert.equal(wrong.status, 400);
      assert.match(wrong.text, /invalid auth key/);
      await quota('other', { gigabytes: 3 });
      const over = await take(transfer.auth_key);
      assert.equal(over.status, 413, over.text);
      await noQuota('other');
      assert.equal((await volumes.done('GET', `/volumes/${id}`)).volume.status, 'awaiting-transfer');
      assert.equal((await take(transfer.auth_key)).status, 202);
      await refused(404, null, 'GET', `/volumes/${id}`);
      await refused(404, null, 'GET', `/snapshots/${snapshot}`);
      const { volume } = await volumes.done('GET', `/volumes/${id}`, undefined, 'other');
      assert.deepEqual(
        [volume.status, volume['os-vol-tenant-attr:tenant_id'], volume.user_id],
        ['available', projectOf('other'), 'other-user'],
      );
      assert.equal(
        (await volumes.done('GET', `/snapshots/${snapshot}`, undefined, 'other')).snapshot.status,
        'available',
      );
      assert.equal((await take(transfer.auth_key)).status, 404, 'it is over');
      const mine = await volumes.create({ size: 1 });
      const again = (await volumes.done('POST', '/os-volume-transfer', { transfer: { volume_id: mine } })).transfer;
      await volumes.done('DELETE', `/os-volume-transfer/${again.id}`);
      assert.equal((await volumes.done('GET', `/volumes/${mine}`)).volume.status, 'available');
    });

    it('types are for everybody or for some projects, have specs and QoS, and stay while they are used', async () => {
      const type = async (body: object) =>
        (await volumes.done('POST', '/types', { volume_type: body }, 'admin')).volume_type;
      const fast = await type({ name: 'fast', extra_specs: { a: 'b' } });
      const own = await type({ name: 'own', 'os-volume-type-access:is_public': false });
      await refused(409, null, 'POST', '/types', { volume_type: { name: 'fast' } }, '3.67', 'admin');
      const encryption = `/types/${fast.id}/encryption`;
      assert.deepEqual(await volumes.done('GET', encryption, undefined, 'admin'), {});
      await refused(404, null, 'GET', `/types/${newUuid()}/encryption`, undefined, '3.67', 'admin');
      await refused(404, null, 'POST', `/types/${newUuid()}/encryption`, { encryption: {} }, '3.67', 'admin');
      await refused(400, /encrypts no volumes/, 'POST', encryption, { encryption: {} }, '3.67', 'admin');
      const names = async (who: Who) =>
        (await volumes.done('GET', '/types', undefined, who)).volume_types
          .map(({ name }: { name: string }) => name)
          .toSorted();
      assert.deepEqual(await names('demo'), ['__DEFAULT__', 'fast']);
      assert.deepEqual(await names('admin'), ['__DEFAULT__', 'fast', 'own']);
      await refused(404, null, 'GET', `/types/${own.id}`);
      await refused(404, null, 'POST', '/volumes', { volume: { size: 1, volume_type: 'own' } });
      const access = (action: string, who: Who = 'demo') =>
        volumes.ask('POST', `/types/${own.id}/action`, { [action]: { project: projectOf(who) } }, '3.67', 'admin');
      assert.equal((await access('addProjectAccess')).status, 202);
      assert.equal((await access('addProjectAccess')).status, 409);
      assert.deepEqual(await names('demo'), ['__DEFAULT__', 'fast', 'own']);
      assert.deepEqual(await names('other'), ['__DEFAULT__', 'fast']);
      const id = await volumes.create({ size: 1, volume_type: 'own' });
      const typeOf = async (volume: string) => (await volumes.done('GET', `/volumes/${volume}`)).volume.volume_type;
      assert.equal(await typeOf(id), 'own');
      // an empty name is none: the type of what it is made from, or the default
      assert.equal(await typeOf(await volumes.create({ size: 1, volume_type: '', source_volid: id })), 'own');
      assert.equal(await typeOf(await volumes.create({ size: 1, volume_type: '' })), '__DEFAULT__');
      assert.equal((await access('removeProjectAccess')).status, 202);
      assert.equal((await access('removeProjectAccess')).status, 404);
      await refused(400, /in use/, 'DELETE', `/types/${own.id}`, undefined, '3.67', 'admin');
      const { id: plain } = (await volumes.done('GET', '/types/default')).volume_type;
      await refused(400, /default/, 'DELETE', `/types/${plain}`, undefined, '3.67', 'admin');
      const specs = `/types/${fast.id}/extra_specs`;
      await volumes.done('POST', specs, { extra_specs: { c: 'd' } }, 'admin');
      await volumes.done('PUT', `${specs}/c`, { c: 'e' }, 'admin');
      await volumes.done('DELETE', `${specs}/a`, undefined, 'admin');
      assert.deepEqual(await volumes.done('GET', specs), { extra_specs: { c: 'e' } });
      await refused(404, null, 'GET', `${specs}/a`);
      // no volume is of a type that promises what it would not be
      const { id: sharedType } = await type({ name: 'shared', extra_specs: { multiattach: '<is> True' } });
      await refused(400, /multiattach/, 'POST', '/volumes', { volume: { size: 1, volume_type: 'shared' } });
      const retype = { 'os-retype': { new_type: 'shared', migration_policy: 'never' } };
      await refused(400, /multiattach/, 'POST', `/volumes/${id}/action`, retype);
      await volumes.done('DELETE', `/types/${sharedType}`, undefined, 'admin');
      const first = await volumes.done('GET', '/types?limit=1', undefined, 'admin');
      assert.equal(first.volume_types.length, 1);
      assert.match(first.volume_type_links[0].href, new RegExp(`limit=1&marker=${first.volume_types[0].id}$`));
      const marked = await volumes.done('GET', `/types?marker=${first.volume_types[0].id}`, undefined, 'admin');
      assert.equal(marked.volume_types.length, 2);
      const { qos_specs: qos } = await volumes.done(
        'POST',
        '/qos-specs',
        { qos_specs: { name: 'slow', consumer: 'front-end', total_iops_sec: '100' } },
        'admin',
      );
      assert.equal(
        (await volumes.ask('GET', `/qos-specs/${qos.id}/associate?vol_type_id=${fast.id}`, undefined, '3.67', 'admin'))
          .status,
        202,
      );
      assert.equal(
        (await volumes.done('GET', `/types/${fast.id}`, undefined, 'admin')).volume_type.qos_specs_id,
        qos.id,
      );
      assert.equal((await volumes.done('GET', `/types/${fast.id}`)).volume_type.qos_specs_id, undefined);
      await refused(400, /associated/, 'DELETE', `/qos-specs/${qos.id}`, undefined, '3.67', 'admin');
      await volumes.done('PUT', `/qos-specs/${qos.id}/delete_keys`, { keys: ['total_iops_sec'] }, 'admin');
      await refused(
        400,
        null,
        'PUT',
        `/qos-specs/${qos.id}/delete_keys`,
        { keys: ['total_iops_sec'] },
        '3.67',
        'admin',
      );
      await volumes.done('DELETE', `/qos-specs/${qos.id}?force=true`, undefined, 'admin');
      assert.equal((await volumes.done('GET', `/types/${fast.id}`, undefined, 'admin')).volume_type.qos_specs_id, null);
      await volumes.done('DELETE', `/types/${fast.id}`, undefined, 'admin');
    });

    it('there are no groups, which lists say from their microversion on, and none is made', async () => {
      const at = (minor: number, method: string, path: string, body?: object) =>
        volumes.ask(method, path, body, `3.${minor}`);
      for (const [path, since, paths] of [
        ['groups', 13, ['/groups', '/groups/detail?all_tenants=1']],
        ['group_snapshots', 14, ['/group_snapshots', '/group_snapshots/detail']],
        ['group_types', 11, ['/group_types?is_public=None']],
      ] as const) {
        for (const list of paths) {
          assert.equal((await at(since - 1, 'GET', list)).status, 404, list);
          const { status, json } = await at(since, 'GET', list);
          assert.deepEqual([status, json], [200, { [path]: [] }], list);
        }
        await refused(404, null, 'GET', `/${path}/${newUuid()}`);
        await refused(400, /has no .*groups and makes none/, 'POST', `/${path}`, {}, '3.67', 'admin');
      }
    });

    it('quotas hold in Cinder’s words, for many at once too, and limits tell them', async () => {
      const who = 'admin';
      const id = await volumes.create({ size: 2 }, who);
      await quota(who, { volumes: 2, gigabytes: 5, snapshots: 0, per_volume_gigabytes: 3 });
      const create = (size: number) => volumes.ask('POST', '/volumes', { volume: { size } }, '3.67', who);
      const said = async (answer: Promise<{ status: number; text: string }>, words: RegExp) => {
        const { status, text } = await answer;
        assert.equal(status, 413, text);
        assert.match(text, words);
      };
      await said(create(4), /Requested volume size 4G is larger than maximum allowed limit 3G\./);
      await quota(who, { per_volume_gigabytes: -1 });
      await said(create(4), /exceeds allowed gigabytes quota\. Requested 4G, quota is 5G and 2G has been consumed\./);
      await said(volumes.act(id, { 'os-extend': { new_size: 6 } }, '3.67', who), /Requested 4G, quota is 5G/);
      await said(
        volumes.ask('POST', '/snapshots', { snapshot: { volume_id: id } }, '3.67', who),
        /Maximum number of snapshots allowed \(0\)/,
      );
      const answers = await Promise.all(Array.from({ length: 8 }, () => create(1)));
      assert.deepEqual(
        answers.map(({ status }) => status).toSorted((a, b) => a - b),
        [202, ...Array<number>(7).fill(413)],
      );
      await said(create(1), /Maximum number of volumes allowed \(2\) exceeded for quota 'volumes'\./);
      const set = (path: string, volumesMost: number, as: Who = 'admin') =>
        volumes.ask('PUT', path, { quota_class_set: { volumes: volumesMost } }, '3.67', as);
      const everybody = '/os-quota-class-sets/default';
      const most = async (path: string) =>
        Object.values<{ volumes: number }>(await volumes.done('GET', path, undefined, who))[0]?.volumes;
      const before = await most(everybody);
      assert.equal((await set(everybody, 33)).status, 200);
      assert.equal(await most(everybody), 33);
      assert.equal(await most(`/os-quota-sets/${projectOf('other')}/defaults`), 33);
      assert.equal(await most(`/os-quota-sets/${projectOf(who)}`), 2, 'what a project has of its own stays');
      assert.equal((await set(everybody, 34, 'demo')).status, 403);
      assert.equal((await set('/os-quota-class-sets/gold', 34)).status, 400);
      assert.equal((await set(everybody, before ?? 10)).status, 200);
      const { limits } = await volumes.done('GET', '/limits', undefined, who);
      const { maxTotalVolumes, totalVolumesUsed, maxTotalVolumeGigabytes, totalGigabytesUsed } = limits.absolute;
      assert.deepEqual([maxTotalVolumes, totalVolumesUsed, maxTotalVolumeGigabytes, totalGigabytesUsed], [2, 2, 5, 3]);
      const { quota_set } = await volumes.done('GET', `/os-quota-sets/${projectOf(who)}?usage=true`, undefined, who);
      assert.deepEqual(quota_set.gigabytes, { limit: 5, in_use: 3, reserved: 0 });
      await refused(403, null, 'GET', `/os-quota-sets/${projectOf(who)}`);
      await refused(403, null, 'PUT', `/os-quota-sets/${projectOf('demo')}`, { quota_set: { volumes: 99 } });
      await refused(400, null, 'PUT', `/os-quota-sets/x`, { quota_set: { apples: 1 } }, '3.67', who);
      await refused(400, null, 'PUT', `/os-quota-sets/x`, { quota_set: { volumes: -2 } }, '3.67', who);
      await noQuota(who);
    });

    it('many of a project that has nothing yet do not get past its quota either', async () => {
      await cloud.database.write('volume_quotas').delete();
      await cloud.database
        .write('volumes')
        .where({ project_id: projectOf('other') })
        .delete();
      await quota('other', { volumes: 3, gigabytes: 100 });
      const create = () => volumes.ask('POST', '/volumes', { volume: { size: 1 } }, '3.67', 'other');
      const answers = await Promise.all(Array.from({ length: 12 }, create));
      assert.deepEqual(
        answers.map(({ status }) => status).toSorted((a, b) => a - b),
        [202, 202, 202, ...Array<number>(9).fill(413)],
      );
    });

    it('one attachment has a volume at a time, a server’s is not a tenant’s to delete, and paths are for services', async () => {
      const id = await volumes.create({ size: 1 });
      const attach = (more: object = {}, who: Who = 'demo') =>
        volumes.ask('POST', '/attachments', { attachment: { volume_uuid: id, ...more } }, '3.67', who);
      const both = await Promise.all([attach({ instance_uuid: newUuid() }), attach({ instance_uuid: newUuid() })]);
      assert.deepEqual(
        both.map(({ status }) => status).toSorted((a, b) => a - b),
        [200, 400],
      );
      const { attachment } = both.find(({ status }) => status === 200)?.json ?? {};
      assert.equal(attachment.status, 'reserved');
      assert.equal((await volumes.done('GET', `/volumes/${id}`)).volume.status, 'reserved');
      const connector = { host: 'somewhere' };
      const told = await volumes.done('PUT', `/attachments/${attachment.id}`, { attachment: { connector } });
      assert.equal(told.attachment.connection_info.data.device_path, undefined);
      assert.ok(!JSON.stringify(told).includes(cloud.dir));
      const forAdmin = await volumes.done('GET', `/attachments/${attachment.id}`, undefined, 'admin');
      assert.equal(forAdmin.attachment.connection_info.data.device_path, volumes.fileOf(id));
      assert.equal(
        (await volumes.ask('POST', `/attachments/${attachment.id}/action`, { 'os-complete': {} })).status,
        204,
      );
      const { volume } = await volumes.done('GET', `/volumes/${id}`);
      assert.equal(volume.status, 'in-use');
      assert.deepEqual([volume.attachments[0].server_id, volume.attachments[0].host_name], [attachment.instance, null]);
      // what compute keeps of a server that has it decides, not what an attachment says
      const { database } = cloud;
      const serverId = await tx(database, (t) => insertServer(t, newServer({ uuid: attachment.instance })));
      const kept = { volumeId: id, attachmentId: null, device: '/dev/vdb', tag: null, deleteOnTermination: false };
      await tx(database, (t) => addServerVolume(t, serverId, { ...kept, bootIndex: null, disk: null, createdAt: 0 }));
      await refused(409, /using the Compute API/, 'DELETE', `/attachments/${attachment.id}`);
      await refused(409, /using the Compute API/, 'POST', `/volumes/${id}/action`, { 'os-detach': {} });
      await tx(database, (t) => removeServerVolume(t, serverId, id));
      await refused(400, null, 'DELETE', `/volumes/${id}`);
      await refused(400, null, 'POST', '/snapshots', { snapshot: { volume_id: id } }, '3.65');
      const asked = { snapshot: { volume_id: id, force: true } };
      assert.equal((await volumes.ask('POST', '/snapshots', asked, '3.65')).status, 202, 'until 3.65 by force');
      await volumes.snapshot(id);
      await refused(400, null, 'PUT', `/attachments/${attachment.id}`, { attachment: { connector } });
      assert.equal(
        (await volumes.act(id, { 'os-extend': { new_size: 2 } }, '3.41')).status,
        400,
        'in use, before 3.42',
      );
      const migrated = await volumes.act(id, { 'os-migrate_volume': { host: 'other' } });
      assert.equal(migrated.status, 400);
      assert.match(migrated.text, /there is one kind of storage/, 'refused with the reason');
      for (const action of ['os-initialize_connection', 'os-terminate_connection']) {
        const { status, text } = await volumes.act(id, { [action]: { connector } });
        assert.ok(status < 300 && !text.includes(cloud.dir), `${action}: ${text}`);
      }
      // work that is under way keeps its status, or a volume would be given away while its file changes
      const forced = await volumes.create({ size: 1 });
      await volumes.act(forced, { 'os-attach': { instance_uuid: newUuid(), mountpoint: '/dev/vdb' } });
      const { write } = cloud.database;
      for (const [before, after] of [
        ['extending', 'extending'],
        ['error_extending', 'available'],
      ]) {
        await write('volumes').where({ id: forced }).update({ status: before });
        const detached = await volumes.act(forced, { 'os-force_detach': {} }, '3.67', 'admin');
        assert.equal(detached.status, 202, detached.text);
        assert.equal((await volumes.done('GET', `/volumes/${forced}`)).volume.status, after);
        await write('volumes').where({ id: forced }).update({ status: 'available' });
        await volumes.act(forced, { 'os-attach': { instance_uuid: newUuid(), mountpoint: '/dev/vdb' } });
      }
      assert.equal(
        (await volumes.act(id, { 'os-force_detach': { attachment_id: attachment.id } }, '3.67', 'admin')).status,
        202,
      );
      assert.equal((await volumes.done('GET', `/volumes/${id}`)).volume.status, 'available');
      const own = await attach();
      await refused(400, null, 'POST', `/attachments/${own.json.attachment.id}/action`, { 'os-complete': {} });
      await volumes.done('DELETE', `/attachments/${own.json.attachment.id}`);
      await volumes.act(id, { 'os-update_readonly_flag': { readonly: true } });
      assert.equal((await attach({ mode: 'rw' })).status, 400);
      assert.equal((await attach()).json.attachment.attach_mode, 'ro');
    });

    it('who has a volume outside of the cloud is told to administrators by the name of its host', async () => {
      const id = await volumes.create({ size: 1 });
      const attach = { 'os-attach': { mountpoint: '/dev/sdb', mode: 'rw', host_name: 'machine-7' } };
      assert.equal((await volumes.act(id, attach)).status, 202);
      const [seen] = (await volumes.done('GET', `/volumes/${id}`, undefined, 'admin')).volume.attachments;
      assert.deepEqual([seen.host_name, seen.server_id, seen.device], ['machine-7', null, '/dev/sdb']);
      assert.equal((await volumes.done('GET', `/volumes/${id}`)).volume.attachments[0].host_name, null);
      assert.equal((await volumes.act(id, { 'os-detach': { attachment_id: seen.attachment_id } })).status, 202);
      assert.deepEqual((await volumes.done('GET', `/volumes/${id}`)).volume.attachments, []);
    });

    it('a volume that somebody has is given to nobody else, whatever its status is set to', async () => {
      const id = await volumes.create({ size: 1 });
      const reset = (status: string) => volumes.act(id, { 'os-reset_status': { status } }, '3.67', 'admin');
      const reserve = (instance_uuid: string) =>
        volumes.ask('POST', '/attachments', { attachment: { volume_uuid: id, instance_uuid } });
      const { attachment } = (await reserve(newUuid())).json;
      const { status, text } = await reset('available');
      assert.deepEqual([status, /attached or reserved/.test(text)], [400, true], text);
      // a row that says so all the same
      await cloud.database.write('volumes').where({ id }).update({ status: 'available' });
      assert.equal((await reserve(newUuid())).status, 400);
      await volumes.done('DELETE', `/attachments/${attachment.id}`);
      // forgotten by force, while its server has it
      const { database } = cloud;
      const serverId = await tx(database, (t) => insertServer(t, newServer({ uuid: newUuid() })));
      const kept = { volumeId: id, attachmentId: newUuid(), device: '/dev/vdb', tag: null, deleteOnTermination: false };
      await tx(database, (t) => addServerVolume(t, serverId, { ...kept, bootIndex: null, disk: null, createdAt: 0 }));
      const { status: again, text: why } = await reserve(newUuid());
      assert.deepEqual([again, /has it/.test(why)], [400, true], why);
      await tx(database, (t) => removeServerVolume(t, serverId, id));
      assert.equal((await reserve(newUuid())).status, 200);
    });

    it('what is kept of an image has as many pairs as metadata has', async () => {
      const id = await volumes.create({ size: 1 });
      const pairs = (name: string, count: number) =>
        Object.fromEntries(Array.from({ length: count }, (_, at) => [`${name}${at}`, 'x']));
      const set = (metadata: object) => volumes.act(id, { 'os-set_image_metadata': { metadata } });
      assert.equal((await set(pairs('a', 128))).status, 200);
      assert.equal((await set(pairs('b', 1))).status, 413);
      assert.equal((await set(pairs('a', 128))).status, 200);
      assert.equal((await volumes.act(id, { 'os-unset_image_metadata': { key: 'a0' } })).status, 200);
      assert.equal((await set(pairs('b', 1))).status, 200);
    });

    it('what is longer than what can be kept is refused, or kept as it is', async () => {
      const id = await volumes.create({ size: 1 });
      const pairs = Array.from({ length: 128 }, (_, at) => [`${at}`.padEnd(255, 'k'), 'v'.repeat(255)]);
      const metadata = Object.fromEntries(pairs);
      const long = await volumes.ask('PUT', `/volumes/${id}/metadata`, { metadata });
      if (engine === 'sqlite') assert.deepEqual(long.json.metadata, metadata);
      else assert.deepEqual([long.status, /longer than/.test(long.text)], [413, true], long.text);
      const reserve = (host: string) =>
        volumes.ask('POST', '/attachments', { attachment: { volume_uuid: id, connector: { host } } });
      assert.equal((await reserve('h'.repeat(256))).status, 400);
      assert.equal((await reserve('h'.repeat(255))).status, 200);
      const path = (length: number): string => `/os-quota-sets/${'q'.repeat(length)}`;
      const set = { quota_set: { volumes: 1 } };
      assert.equal((await volumes.ask('PUT', path(65), set, '3.67', 'admin')).status, 400);
      assert.equal((await volumes.ask('PUT', path(64), set, '3.67', 'admin')).status, 200);
    });
  });

  describe(`volumes that are being copied on ${engine}`, () => {
    let cloud: Cloud;
    let volumes: VolumeClient;
    before(async () => {
      cloud = await startCloud({ engine, volume: { works: false } });
      volumes = volumeClient(cloud);
    });
    after(() => cloud.close());

    it('are neither deleted, nor extended, nor given to a server', async () => {
      const made = async (): Promise<string> => {
        const { id } = (await volumes.done('POST', '/volumes', { volume: { size: 1 } })).volume;
        await cloud.database.write('volume_jobs').delete();
        await cloud.database.write('volumes').update({ status: 'available' });
        return id;
      };
      for (const copy of [
        (id: string) => volumes.done('POST', '/volumes', { volume: { source_volid: id } }),
        (id: string) => volumes.done('POST', '/snapshots', { snapshot: { volume_id: id } }),
      ]) {
        const id = await made();
        await copy(id);
        const refused = async (answer: ReturnType<VolumeClient['ask']>) => {
          const { status, text } = await answer;
          assert.equal(status, 400, text);
        };
        await refused(volumes.ask('DELETE', `/volumes/${id}`));
        await refused(volumes.ask('DELETE', `/volumes/${id}?cascade=true`));
        await refused(volumes.ask('DELETE', `/volumes/${id}?force=true`, undefined, '3.67', 'admin'));
        await refused(volumes.act(id, { 'os-force_delete': {} }, '3.67', 'admin'));
        await refused(volumes.act(id, { 'os-extend': { new_size: 2 } }));
        await refused(volumes.ask('POST', '/attachments', { attachment: { volume_uuid: id } }));
      }
    });
  });
}
