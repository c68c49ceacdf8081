// Signed images: certificates lie in Debian's Barbican, images are signed as Glance's documentation has it, and read as hosts read them.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { systemCaller } from '../../src/base/op.ts';
import { barbicanCertificates, imageSignatures } from '../../src/cloud/image-signatures.ts';
import { makeNeighbour, type Neighbour } from '../../src/cloud/neighbour.ts';
import { verifiedImages } from '../../src/cloud/verified-images.ts';
import { glanceMissing, startGlance } from '../support/glance.ts';
import { barbicanMissing, startBarbican, type TestBarbican } from '../support/barbican.ts';
import {
  cloudsFor,
  keystoneMissing,
  register,
  passwordIdentity,
  projectScope,
  startKeystone,
  type TestKeystone,
} from '../support/keystone.ts';
import { testImage } from '../support/neighbours.ts';
import { scratchDir } from '../support/scratch.ts';
import { eventually, startService } from '../support/serve.ts';

const run = promisify(execFile);

const DATA = Buffer.from('the bytes of an image, which somebody signed');

/** How keys are made and what signs with them, by the key type that an image names. */
const KINDS = [
  { type: 'RSA-PSS', key: ['-newkey', 'rsa:2048'], sign: ['-sigopt', 'rsa_padding_mode:pss'] },
  { type: 'ECC_SECP384R1', key: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp384r1'], sign: [] },
] as const;

describe('signatures of images', {
  skip: keystoneMissing() ?? barbicanMissing() ?? glanceMissing() ?? false,
  concurrency: 1,
}, () => {
  let dir: string;
  let keystone: TestKeystone;
  let barbican: TestBarbican;
  let neighbour: Neighbour;
  let token = '';
  before(async () => {
    dir = await mkdtemp(join(scratchDir(), 'xloud-signed-'));
    keystone = await startKeystone({ provider: 'fernet' });
    barbican = await startBarbican(keystone);
    token = await keystone.login({
      identity: passwordIdentity('barbican', 'barbican'),
      scope: projectScope('service'),
    });
    neighbour = makeNeighbour('key-manager', { endpoint: barbican.endpoint, serviceToken: async () => token });
  });
  after(async () => {
    await neighbour?.close();
    await barbican?.stop();
    await keystone?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  /** A secret with this payload; its id. */
  async function store(payload: Buffer, more: object = {}): Promise<string> {
    const base64 = { payload_content_type: 'application/octet-stream', payload_content_encoding: 'base64' };
    const secret = { name: 's', secret_type: 'certificate', payload: payload.toString('base64'), ...base64, ...more };
    const { status, body } = await neighbour.ask(null, 'POST', '/v1/secrets', secret);
    assert.equal(status, 201, JSON.stringify(body));
    return (body as { secret_ref: string }).secret_ref.split('/').at(-1) as string;
  }

  /** A key of a kind, its certificate, and what it signs the data with. */
  async function signer({ key, sign }: (typeof KINDS)[number]) {
    const [keyFile, certificate, data] = ['key.pem', 'cert.pem', 'data'].map((name) => join(dir, name)) as [
      string,
      string,
      string,
    ];
    const request = [
      'req',
      '-x509',
      '-nodes',
      '-days',
      '1',
      '-subj',
      '/CN=signer',
      '-keyout',
      keyFile,
      '-out',
      certificate,
    ];
    await run('openssl', [...request, ...key]);
    await writeFile(data, DATA);
    await run('openssl', ['dgst', '-sha256', '-sign', keyFile, ...sign, '-out', join(dir, 'signature'), data]);
    return { certificate: await readFile(certificate), signature: await readFile(join(dir, 'signature')) };
  }

  /** What a host reads of an image with these properties. */
  async function read(properties: Record<string, string>, data = DATA): Promise<Buffer> {
    const image = { ...testImage(), sizeBytes: null, checksum: null, osHashAlgo: null, osHashValue: null, properties };
    const source = {
      find: async () => image,
      async read() {
        return (async function* () {
          for (let at = 0; at < data.length; at += 7) yield data.subarray(at, at + 7);
        })();
      },
      write: async () => undefined,
    };
    const images = verifiedImages(source, systemCaller, imageSignatures(barbicanCertificates(neighbour)));
    const got: Uint8Array[] = [];
    for await (const piece of await images.read(image.id)) got.push(piece);
    return Buffer.concat(got);
  }

  const signed = (type: string, certificateId: string, signature: Buffer): Record<string, string> => ({
    img_signature: signature.toString('base64'),
    img_signature_hash_method: 'SHA-256',
    img_signature_key_type: type,
    img_signature_certificate_uuid: certificateId,
  });
  const refused = (words: RegExp) => ({ kind: 'badRequest', code: 'image.signature', message: words });

  for (const kind of KINDS) {
    it(`are held against the data and the certificate: ${kind.type}`, async () => {
      const { certificate, signature } = await signer(kind);
      const properties = signed(kind.type, await store(certificate), signature);
      assert.deepEqual(await read(properties), DATA);
      const other = Buffer.from(DATA);
      other[5] = (other[5] as number) ^ 1;
      await assert.rejects(read(properties, other), refused(/is not that of its data/));
      const stranger = await store((await signer(kind)).certificate);
      const theirs = { ...properties, img_signature_certificate_uuid: stranger };
      await assert.rejects(read(theirs), refused(/is not that of its data/));
      await assert.rejects(
        read({ ...properties, img_signature_hash_method: 'SHA-512' }),
        refused(/is not that of its data/),
      );
    });
  }

  it('are good by a certificate that was stored as text', async () => {
    const [kind] = KINDS;
    const { certificate, signature } = await signer(kind);
    const text = { payload: certificate.toString(), payload_content_type: 'text/plain' };
    const id = await store(certificate, { ...text, payload_content_encoding: undefined });
    assert.deepEqual(await read(signed(kind.type, id, signature)), DATA);
  });

  it('are wanted: without one, or with one that nobody can verify, an image is refused before it is fetched', async () => {
    const [kind] = KINDS;
    const { certificate, signature } = await signer(kind);
    const good = signed(kind.type, await store(certificate), signature);
    await assert.rejects(read({}), refused(/required image properties/));
    for (const name of Object.keys(good))
      await assert.rejects(read({ ...good, [name]: '' }), refused(/required image properties/));
    const missing = '00000000-0000-4000-8000-000000000000';
    await assert.rejects(read({ ...good, img_signature_certificate_uuid: missing }), refused(/is not there/));
    await assert.rejects(read({ ...good, img_signature_certificate_uuid: '../../etc' }), refused(/is not there/));
    for (const method of ['MD5', 'constructor', '__proto__'])
      await assert.rejects(
        read({ ...good, img_signature_hash_method: method }),
        refused(new RegExp(`hash method ${method} is not known`)),
      );
    await assert.rejects(
      read({ ...good, img_signature_key_type: 'DSA' }),
      refused(/a key of kind rsa, and DSA is wanted/),
    );
    const none = await store(Buffer.from('no certificate'), { secret_type: 'opaque' });
    await assert.rejects(read({ ...good, img_signature_certificate_uuid: none }), refused(/cannot be read/));
  });

  it('are what a server’s host asks for, where the operator wants that', { timeout: 120_000 }, async () => {
    const glance = await startGlance(keystone);
    await register(keystone, { user: 'nova', type: 'xloud', url: 'http://127.0.0.1:1' });
    const service = await startService({
      driver: 'fake',
      env: {
        XLOUD_IDENTITY__AUTH_URL: keystone.authUrl,
        ...{ XLOUD_IDENTITY__USERNAME: 'nova', XLOUD_IDENTITY__PASSWORD: 'nova' },
        ...{ XLOUD_IMAGE__SERVICE: 'glance', XLOUD_IMAGE__VERIFY_SIGNATURES: 'yes' },
      },
    });
    try {
      await register(keystone, { user: 'nova', type: 'compute', url: `${service.url}/compute/v2.1` });
      await writeFile(join(service.dataDir, 'clouds.yaml'), cloudsFor(keystone));
      const ask = async (method: string, path: string, body?: unknown) => {
        const answer = await service.request('xloud', method, path, body);
        assert.ok(answer.status < 300, JSON.stringify(answer.body));
        return answer.body;
      };
      const [kind] = KINDS;
      const { certificate, signature } = await signer(kind);
      const properties = signed(kind.type, await store(certificate), signature);
      const flavor = { name: 'small', vcpus: 1, ram: 128, disk: 1 };
      const flavorRef = (await ask('POST', '/compute/v2.1/flavors', { flavor })).flavor.id;
      /** What becomes of a server of an image with these properties. */
      const serverOf = async (more: Record<string, string>) => {
        const image = { name: 'i', disk_format: 'raw', container_format: 'bare', min_disk: 1 };
        const { id: imageRef } = await ask('POST', '/image/v2/images', image);
        const path = `${glance.endpoint}/v2/images/${imageRef}/file`;
        const headers = { 'X-Auth-Token': token, 'Content-Type': 'application/octet-stream' };
        assert.equal((await fetch(path, { method: 'PUT', headers, body: DATA })).status, 204);
        // only now: Glance would look for the certificate itself, and knows of no Barbican
        const patch = Object.entries(more).map(([name, value]) => ({ op: 'add', path: `/${name}`, value }));
        const changed = await fetch(`${glance.endpoint}/v2/images/${imageRef}`, {
          method: 'PATCH',
          headers: { ...headers, 'Content-Type': 'application/openstack-images-v2.1-json-patch' },
          body: JSON.stringify(patch),
        });
        assert.equal(changed.status, 200);
        const server = { name: 's', imageRef, flavorRef, networks: 'none' };
        const { id } = (await ask('POST', '/compute/v2.1/servers', { server })).server;
        return eventually('its end', 60_000, async () => {
          const shown = (await ask('GET', `/compute/v2.1/servers/${id}`)).server;
          return shown.status === 'BUILD' ? null : shown;
        });
      };
      assert.equal((await serverOf(properties)).status, 'ACTIVE');
      const unsigned = await serverOf({});
      assert.equal(unsigned.status, 'ERROR');
      assert.match(unsigned.fault.message, /Signature verification for the image .* failed: required image properties/);
    } finally {
      await service.close();
      await glance.stop();
    }
  });

  it('cannot be verified while the key manager is away, which is no fault of the image', async () => {
    const [kind] = KINDS;
    const { certificate, signature } = await signer(kind);
    const good = signed(kind.type, await store(certificate), signature);
    await barbican.stop();
    await assert.rejects(read(good), { kind: 'unavailable' });
  });
});
