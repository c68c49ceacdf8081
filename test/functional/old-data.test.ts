// Data of an earlier day: every server, move and action of it is shown at every version, and goes on.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { MAX_MINOR } from '../../src/domain/microversions.ts';
import { type Api, startApi } from '../support/api.ts';
import { engines } from '../support/database.ts';
import { freshMariadb } from '../support/mariadb.ts';
import { type OldData, oldDays, oldStore, readOldData, restoreOldData } from '../support/old-data.ts';
import { scratchDir } from '../support/scratch.ts';

/** As the programs wrote it that did not know these members of their JSON yet. */
const earlier = (data: OldData): OldData => {
  const without = (column: string, members: readonly string[]) => (row: Readonly<Record<string, unknown>>) => {
    const value = JSON.parse(row[column] as string) as Record<string, unknown>;
    for (const member of ['$v', ...members]) delete value[member];
    return { ...row, [column]: JSON.stringify(value) };
  };
  const { server_nics = [], servers = [], hosts = [] } = data.tables;
  return {
    ...data,
    tables: {
      ...data.tables,
      server_nics: server_nics.map(without('nic', ['floatingIps', 'securityGroups'])),
      servers: servers.map(without('build', ['userName', 'roles', 'files'])),
      hosts: hosts.map(without('facts', ['traits'])),
    },
  };
};

const days: Readonly<Record<string, OldData>> = {
  ...Object.fromEntries(oldDays().map((day) => [day, readOldData(day)])),
  'an earlier program': earlier(readOldData('2026-11-29')),
};

for (const [day, data] of Object.entries(days)) {
  for (const engine of engines) {
    describe(`data of ${day} on ${engine}`, () => {
      const directory = mkdtempSync(join(scratchDir(), 'xloud-old-'));
      let drop: () => Promise<void> = () => Promise.resolve();
      let api: Api;
      before(async () => {
        const mariadb = engine === 'mysql' ? await freshMariadb() : null;
        const databaseUrl = mariadb?.url ?? `sqlite://${join(directory, 'xloud.db')}`;
        drop = mariadb?.drop ?? drop;
        await restoreOldData(databaseUrl, data);
        const hosts = Object.keys(data.guests).map((name) => ({
          name,
          inventory: { memoryMb: 65_536 },
          store: oldStore(data, name),
        }));
        api = await startApi({ engine, databaseUrl, builtInNetworks: true, floatingIps: true, hosts });
        await api.world.settled();
      });
      after(async () => {
        await api.close();
        await drop();
        rmSync(directory, { recursive: true, force: true });
      });

      const ask = async (path: string, version = '2.104') => {
        const answer = await api.request('GET', path, { as: 'admin', version });
        assert.equal(answer.status, 200, `${path} at ${version}: ${answer.text}`);
        return answer.body;
      };
      const rows = data.tables['servers'] as readonly { uuid: string; display_name: string; deleted: number }[];
      const living = rows.filter(({ deleted }) => deleted === 0);
      const idOf = (name: string): string =>
        rows.find(({ display_name: is }) => is === name)?.uuid ?? assert.fail(name);
      const statuses = async () => {
        const { servers } = await ask('/servers/detail?all_tenants=1');
        return Object.fromEntries(
          (servers as { name: string; status: string }[]).map(({ name, status }) => [name, status]),
        );
      };
      const act = async (name: string, body: object) => {
        const answer = await api.request('POST', `/servers/${idOf(name)}/action`, { as: 'admin', body });
        assert.ok(answer.status < 300, `${name}: ${answer.text}`);
        await api.world.settled();
      };

      it('is shown at every version', async () => {
        for (let minor = 1; minor <= MAX_MINOR; minor += 1) {
          const { servers } = await ask('/servers/detail?all_tenants=1', `2.${minor}`);
          assert.equal(servers.length, living.length);
        }
        for (const { uuid } of living) {
          for (const more of ['', '/os-instance-actions', '/ips', '/metadata', '/migrations']) {
            await ask(`/servers/${uuid}${more}`);
          }
          await ask(`/os-xloud-adjust/${uuid}`);
        }
        for (const path of [
          '/os-migrations',
          '/os-hypervisors/detail',
          '/os-services',
          '/flavors/detail',
          '/os-keypairs',
        ]) {
          await ask(path);
        }
        await ask(`/os-simple-tenant-usage?detailed=1&start=2026-01-01T00:00:00`);
      });

      it('goes on: what was under way ends, what waits is confirmed, everything starts', async () => {
        const before = { grown: 'ACTIVE', stopped: 'SHUTOFF', waits: 'SHUTOFF', resized: 'VERIFY_RESIZE' };
        const { shelved, broken, ...shown } = await statuses();
        assert.deepEqual([shelved, broken], ['SHELVED_OFFLOADED', 'ERROR']);
        for (const [name, status] of Object.entries(before)) assert.equal(shown[name], status, name);
        await act('resized', { confirmResize: null });
        await act('shelved', { unshelve: null });
        for (const name of ['stopped', 'waits']) await act(name, { 'os-start': null });
        await act('paused', { unpause: null });
        await act('grown', { reboot: { type: 'HARD' } });
        await act('moved', { rebuild: { imageRef: data.imageId } });
        const { broken: still, ...now } = await statuses();
        assert.equal(still, 'ERROR');
        assert.deepEqual([...new Set(Object.values(now))], ['ACTIVE'], JSON.stringify(now));
        const { vcpus, memory_mb: memory } = await ask(`/os-xloud-adjust/${idOf('grown')}`);
        assert.deepEqual([vcpus.current, memory.current], [3, 1024]);
      });

      it('is deleted, and leaves nothing', async () => {
        for (const { uuid } of living) {
          assert.equal((await api.request('DELETE', `/servers/${uuid}`, { as: 'admin' })).status, 204);
        }
        await api.world.settled();
        assert.deepEqual(await api.world.leftovers(), []);
        assert.deepEqual((await ask('/servers?all_tenants=1')).servers, []);
      });
    });
  }
}
