// A server names a template for cloud-init by its metadata: what its guest is then told, by a drive as by the metadata service, and what
// is refused before there is a server.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { metadataAt } from '../../src/domain/servers/metadata-paths.ts';
import { guestMetadata } from '../../src/ops/index.ts';
import { engines } from '../support/database.ts';
import { type Servers, startServers } from '../support/servers.ts';
import { testConfig } from '../support/world.ts';

const PYTHON = '/usr/bin/python3';
const missing =
  spawnSync(PYTHON, ['-c', 'import yaml']).status === 0
    ? false
    : 'python3-yaml is not installed (apt-get install python3-yaml)';
const PATH = '/os-xloud-cloud-init-templates';

interface Part {
  readonly type: string | null;
  readonly merge: string | null;
  readonly text: string;
  readonly config: Readonly<Record<string, unknown>> | null;
}

function partsOf(userData: Buffer): readonly Part[] {
  const run = spawnSync(PYTHON, [new URL('../support/user-data.py', import.meta.url).pathname], { input: userData });
  assert.equal(run.status, 0, run.stderr.toString());
  return JSON.parse(run.stdout.toString()) as Part[];
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

for (const engine of engines) {
  describe(`templates for cloud-init on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      servers = await startServers({ engine, config: { ...testConfig, forceConfigDrive: true } });
    });
    after(() => servers.close());

    /** What the guest is given, which must be one thing wherever it asks. */
    const told = async (id: string): Promise<Buffer | null> => {
      const onDrive = servers.world.drivers.get('host-1')?.store.get(id)?.spec.configDrive?.userData ?? null;
      const facts = await guestMetadata(servers.world.deps).facts(id);
      assert.ok(facts !== null);
      for (const path of ['/openstack/latest/user_data', '/2009-04-04/user-data']) {
        const found = metadataAt(facts, path, () => new Uint8Array());
        const body = found?.kind === 'document' ? Buffer.from(found.body).toString('base64') : null;
        assert.equal(body, onDrive, path);
      }
      return onDrive === null ? null : Buffer.from(onDrive, 'base64');
    };
    const refused = async (server: object, why: RegExp) => {
      const count = async () => (await servers.request('GET', '/servers', { as: 'member' })).body.servers.length;
      const before = await count();
      const answer = await servers.post(server as never);
      assert.equal(answer.status, 400, answer.text);
      assert.match(answer.body.badRequest.message, why);
      assert.equal(await count(), before);
    };

    it('are listed with their variables, and shown with their document', async () => {
      const { body } = await servers.request('GET', PATH, { as: 'reader' });
      assert.deepEqual(
        body.templates.map(({ name }: { name: string }) => name),
        ['database', 'default', 'development', 'minimal', 'web-server'],
      );
      assert.equal(body.templates[4].variables.properties.port.maximum, 65_535);
      const shown = await servers.request('GET', `${PATH}/web-server@1`, { as: 'member' });
      assert.match(shown.body.template.user_data, /^#cloud-config\n[^]*!text port/);
      assert.equal((await servers.request('GET', `${PATH}/web-server@2`, { as: 'member' })).status, 404);
    });

    it('are all that a guest is given where its creator gave no user data', async () => {
      const id = await servers.create({
        metadata: { 'xloud:template': 'minimal', 'xloud:template.timezone': 'Europe/Berlin' },
      });
      assert.match(String(await told(id)), /^#cloud-config\ntimezone: "Europe\/Berlin"\n/);
    });

    it('come after the user data as another part', { skip: missing }, async () => {
      const own = '#cloud-config\npackages: [htop]\ntimezone: Asia/Tokyo\n';
      const id = await servers.create({
        metadata: { 'xloud:template': 'web-server', 'xloud:template.index': 'Grüße: "x" # 日本 !variable port' },
        user_data: base64(own),
      });
      const [first, second, ...others] = partsOf((await told(id)) as Buffer);
      assert.deepEqual(others, []);
      assert.deepEqual([first?.type, first?.text, first?.merge], ['text/plain', own, null]);
      assert.equal(second?.type, 'text/cloud-config');
      assert.deepEqual(second?.config?.['packages'], ['qemu-guest-agent', 'nginx-light']);
      assert.deepEqual(second?.config?.['write_files'], [
        { path: '/var/www/html/index.html', content: 'Grüße: "x" # 日本 !variable port' },
      ]);
      // what its creator gave is shown as it was given
      const shown = await servers.show(id, { as: 'admin', version: '2.3' });
      assert.equal(shown['OS-EXT-SRV-ATTR:user_data'], base64(own));
    });

    it('come after the parts that the user data have', { skip: missing }, async () => {
      const own =
        'Content-Type: multipart/mixed; boundary="x"\nMIME-Version: 1.0\n\n--x\nContent-Type: text/x-shellscript\n\n#!/bin/sh\n--x\nContent-Type: text/cloud-config\n\n#cloud-config\na: 1\n--x--\n';
      const id = await servers.create({ metadata: { 'xloud:template': 'minimal' }, user_data: base64(own) });
      assert.deepEqual(
        partsOf((await told(id)) as Buffer).map(({ type }) => type),
        ['text/x-shellscript', 'text/cloud-config', 'text/cloud-config'],
      );
    });

    it('are refused before there is a server', async () => {
      await refused({ metadata: { 'xloud:template': 'nothing' } }, /There is no cloud-init template 'nothing'/);
      await refused({ metadata: { 'xloud:template': 'web-server', 'xloud:template.port': '0' } }, /must be >= 1/);
      await refused(
        { metadata: { 'xloud:template': 'minimal' }, user_data: Buffer.from([0x1f, 0x8b, 8, 0]).toString('base64') },
        /compressed/,
      );
    });

    it('stay as they are until a rebuild says otherwise', async () => {
      const metadata = { 'xloud:template': 'minimal', note: 'a' };
      const id = await servers.create({ metadata, user_data: base64('#!/bin/sh\n') });
      const path = `/servers/${id}/metadata`;
      const ask = (method: string, key = '', body?: object) =>
        servers.request(method, `${path}${key}`, { as: 'member', ...(body === undefined ? {} : { body }) });
      for (const answer of [
        await ask('POST', '', { metadata: { 'xloud:template': 'default' } }),
        await ask('PUT', '', { metadata: { note: 'b' } }),
        await ask('DELETE', '/xloud:template'),
      ]) {
        assert.equal(answer.status, 400, answer.text);
        assert.match(answer.body.badRequest.message, /'xloud:template' .* made or rebuilt/);
      }
      assert.equal((await ask('POST', '', { metadata: { note: 'b' } })).status, 200);
      assert.deepEqual((await ask('GET')).body.metadata, { ...metadata, note: 'b' });
    });

    it('stay through a rebuild with other user data, and follow one with other metadata', {
      skip: missing,
    }, async () => {
      const id = await servers.create({ metadata: { 'xloud:template': 'minimal' } });
      const rebuild = async (more: object) => {
        const body = { rebuild: { imageRef: servers.imageId, ...more } };
        const answer = await servers.act(id, body, { version: '2.90' });
        assert.equal(answer.status, 202, answer.text);
        await servers.world.settled();
        const userData = await told(id);
        return userData === null ? null : partsOf(userData).map(({ config, text }) => config?.['ssh_pwauth'] ?? text);
      };
      assert.deepEqual(await rebuild({ user_data: base64('#!/bin/sh\n') }), ['#!/bin/sh\n', false]);
      assert.deepEqual(await rebuild({}), ['#!/bin/sh\n', false]);
      assert.deepEqual(await rebuild({ user_data: null }), [false]);
      assert.equal(await rebuild({ metadata: { note: 'none' } }), null);
      const answer = await servers.act(
        id,
        { rebuild: { imageRef: servers.imageId, metadata: { 'xloud:template': 'nothing' } } },
        { version: '2.90' },
      );
      assert.equal(answer.status, 400, answer.text);
      assert.deepEqual(await rebuild({ metadata: { 'xloud:template': 'minimal' }, user_data: base64('x') }), [
        'x',
        false,
      ]);
    });
  });
}
