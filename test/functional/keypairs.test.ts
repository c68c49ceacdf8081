import assert from 'node:assert/strict';
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type Api, type RequestOptions, startApi } from '../support/api.ts';
import { engines } from '../support/database.ts';
import { testConfig } from '../support/world.ts';

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZ6YkVwCq1DpZ0L6e1oJrHY0rVj5yN4T6mQ2cX8hB7K test@example.org';

for (const engine of engines) {
  describe(`keypairs on ${engine}`, () => {
    let api: Api;
    before(async () => {
      api = await startApi({ engine });
    });
    after(() => api.close());

    const create = (keypair: object, options: RequestOptions = {}) =>
      api.request('POST', '/os-keypairs', { as: 'member', body: { keypair }, ...options });
    const get = (path: string, options: RequestOptions = {}) =>
      api.request('GET', `/os-keypairs${path}`, { as: 'member', ...options });

    it('an imported key is shown as it was given, with its fingerprint', async () => {
      const made = await create({ name: 'mine', public_key: KEY });
      assert.equal(made.status, 200);
      assert.deepEqual(Object.keys(made.body.keypair).toSorted(), ['fingerprint', 'name', 'public_key', 'user_id']);
      assert.equal(made.body.keypair.public_key, KEY);
      assert.match(made.body.keypair.fingerprint, /^([0-9a-f]{2}:){15}[0-9a-f]{2}$/);
      assert.equal(made.body.keypair.user_id, 'member-user');
      const shown = (await get('/mine', { version: '2.2' })).body.keypair;
      assert.deepEqual(
        [shown.type, shown.deleted, shown.deleted_at, shown.updated_at, typeof shown.id],
        ['ssh', false, null, null, 'number'],
      );
      assert.match(shown.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/);
      assert.equal((await get('/mine')).body.keypair.type, undefined);
    });

    it('a name is taken once per user', async () => {
      const again = await create({ name: 'mine', public_key: KEY }, { version: '2.2' });
      assert.equal(again.status, 409);
      assert.equal(again.body.conflictingRequest.message, "Key pair 'mine' already exists.");
      assert.equal((await create({ name: 'mine', public_key: KEY }, { as: 'reader' })).status, 200);
    });

    it('what is no key is refused', async () => {
      for (const public_key of ['', 'ssh-rsa', 'ssh-ed25519 AAAA', 'rubbish', `ssh-rsa ${KEY.split(' ')[1]}`]) {
        const answer = await create({ name: 'bad', public_key }, { version: '2.92' });
        assert.equal(answer.status, 400, public_key);
        assert.match(answer.body.badRequest.message, /^Keypair data is invalid/);
      }
      assert.equal((await create({ name: 'bad', type: 'x509', public_key: KEY }, { version: '2.2' })).status, 400);
    });

    it('a pair is made up to 2.91, and its private half shown once', async () => {
      const made = await create({ name: 'made' }, { version: '2.10' });
      assert.equal(made.status, 201);
      const { private_key, public_key, type } = made.body.keypair;
      assert.equal(type, 'ssh');
      assert.match(public_key, /^(ssh-rsa|ecdsa-sha2-nistp\d+|ssh-ed25519) /);
      assert.match(private_key, /PRIVATE KEY/);
      assert.equal((await get('/made', { version: '2.10' })).body.keypair.private_key, undefined);
      const certificate = (await create({ name: 'windows', type: 'x509' }, { version: '2.2' })).body.keypair;
      assert.match(certificate.public_key, /BEGIN CERTIFICATE/);
      assert.ok(createPrivateKey(certificate.private_key));
      assert.ok(createPublicKey(certificate.public_key));
      assert.equal((await create({ name: 'none' }, { version: '2.92' })).status, 400);
    });

    it('a fingerprint is the MD5 of the blob of the key, as ssh-keygen gives it', async () => {
      const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      const jwk = publicKey.export({ format: 'jwk' }) as { n: string; e: string };
      const field = (bytes: Buffer) => {
        const padded = (bytes[0] as number) & 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes;
        const length = Buffer.alloc(4);
        length.writeUInt32BE(padded.length);
        return Buffer.concat([length, padded]);
      };
      const blob = Buffer.concat([
        field(Buffer.from('ssh-rsa')),
        field(Buffer.from(jwk.e, 'base64url')),
        field(Buffer.from(jwk.n, 'base64url')),
      ]);
      const made = await create({ name: 'rsa', public_key: `ssh-rsa ${blob.toString('base64')}` }, { version: '2.92' });
      assert.equal(made.status, 201);
      const digest = createHash('md5').update(blob).digest('hex');
      assert.equal(made.body.keypair.fingerprint, digest.match(/../g)?.join(':'));
    });

    it('names may be those of people from 2.92 on', async () => {
      const name = 'me@example.org v1.0';
      assert.equal((await create({ name, public_key: KEY }, { version: '2.91' })).status, 400);
      assert.equal((await create({ name, public_key: KEY }, { version: '2.92' })).status, 201);
      assert.equal((await get(`/${encodeURIComponent(name)}`, { version: '2.92' })).body.keypair.name, name);
      assert.equal((await create({ name: 'käse', public_key: KEY }, { version: '2.92' })).status, 400);
    });

    it('are listed by name, and paged from 2.35 on', async () => {
      const names = async (path: string, version: string) =>
        (await get(path, { version })).body.keypairs.map(({ keypair }: { keypair: { name: string } }) => keypair.name);
      const all = ['made', 'me@example.org v1.0', 'mine', 'rsa', 'windows'];
      assert.deepEqual(await names('', '2.2'), all);
      assert.deepEqual(await names('?limit=2&marker=made', '2.34'), all);
      const page = await get('?limit=2', { version: '2.35' });
      assert.deepEqual(
        page.body.keypairs.map(({ keypair }: { keypair: { name: string } }) => keypair.name),
        all.slice(0, 2),
      );
      const next = page.body.keypairs_links[0].href as string;
      assert.match(next, /\/v2\.1\/os-keypairs\?limit=2&marker=me%40example\.org\+v1\.0$/);
      const rest = await api.request('GET', next.slice(api.url.length), { as: 'member', version: '2.35' });
      assert.equal(rest.body.keypairs[0].keypair.name, 'mine');
      assert.equal((await get('?marker=nothing', { version: '2.35' })).status, 400);
    });

    it("an administrator sees and makes another user's from 2.10 on; nobody else does", async () => {
      const theirs = '?user_id=member-user';
      const asAdmin = { as: 'admin', version: '2.10' } as const;
      assert.equal((await get(theirs, asAdmin)).body.keypairs.length, 5);
      assert.equal((await get(theirs, { as: 'admin', version: '2.9' })).body.keypairs.length, 0);
      assert.equal((await get(`/mine${theirs}`, asAdmin)).status, 200);
      assert.equal((await get(theirs, { as: 'other', version: '2.10' })).status, 403);
      assert.equal((await get(`/mine${theirs}`, { as: 'other', version: '2.10' })).status, 403);
      const forThem = { name: 'given', public_key: KEY, user_id: 'other-user' };
      assert.equal((await create(forThem, { version: '2.10' })).status, 403);
      assert.equal((await create(forThem, asAdmin)).body.keypair.user_id, 'other-user');
      assert.equal((await get('/given', { as: 'other' })).status, 200);
      assert.equal((await create({ ...forThem, user_id: 'x'.repeat(300) }, asAdmin)).status, 400);
      assert.equal(
        (await api.request('DELETE', '/os-keypairs/given?user_id=other-user', { as: 'member', version: '2.10' }))
          .status,
        403,
      );
      assert.equal((await api.request('DELETE', '/os-keypairs/given?user_id=other-user', asAdmin)).status, 204);
    });

    it('are deleted once', async () => {
      const remove = (version: string) => api.request('DELETE', '/os-keypairs/mine', { as: 'member', version });
      assert.equal((await remove('2.1')).status, 202);
      const again = await remove('2.2');
      assert.equal(again.status, 404);
      assert.equal(again.body.itemNotFound.message, 'Keypair mine not found for user member-user');
      assert.equal((await get('/mine')).status, 404);
      assert.equal((await get('/mine', { as: 'reader' })).status, 200);
    });
  });

  describe(`the keypair quota on ${engine}`, () => {
    it('holds also when many ask at once', async () => {
      const api = await startApi({ engine, config: { quota: { ...testConfig.quota, key_pairs: 3 } } });
      try {
        const answers = await Promise.all(
          Array.from({ length: 8 }, (_, index) =>
            api.request('POST', '/os-keypairs', {
              as: 'member',
              body: { keypair: { name: `key${index}`, public_key: KEY } },
              version: '2.2',
            }),
          ),
        );
        assert.deepEqual(
          answers.map(({ status }) => status).toSorted((a, b) => a - b),
          [201, 201, 201, 403, 403, 403, 403, 403],
        );
        const refused = answers.find(({ status }) => status === 403);
        assert.equal(refused?.body.forbidden.message, 'Quota exceeded, too many key pairs.');
        // whoever may have none more need not send a good one
        const body = { keypair: { name: 'bad', public_key: 'no key' } };
        assert.equal((await api.request('POST', '/os-keypairs', { as: 'member', body })).status, 403);
      } finally {
        await api.close();
      }
    });
  });
}
