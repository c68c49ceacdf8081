// POST /servers: every field, what contradicts itself, and what may not be had, in Nova's words.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { findClaim } from '../../src/db/claims.ts';
import { engines } from '../support/database.ts';
import { imageFacts } from '../support/guest-spec.ts';
import { testImage, testNetwork, uuidOf } from '../support/neighbours.ts';
import { ELASTIC, PLAIN, type Servers, startServers } from '../support/servers.ts';
import { testConfig } from '../support/world.ts';

const PORT = uuidOf('a port');
const OTHER_PORT = uuidOf('another port');
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZ6YkVwCq1DpZ0L6e1oJrHY0rVj5yN4T6mQ2cX8hB7K test@example.org';

for (const engine of engines) {
  describe(`POST /servers on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      servers = await startServers({ engine, hosts: [{ name: 'host-1' }, { name: 'host-2' }] });
      const keypair = { name: 'mine', public_key: KEY };
      await servers.request('POST', '/os-keypairs', { as: 'member', body: { keypair } });
    });
    after(() => servers.close());

    it('resizes its disk by itself where that is asked for, or the image says so', async () => {
      const shownFor = async (server: Readonly<Record<string, unknown>>) => {
        const made = await servers.post(server);
        assert.equal(made.status, 202, made.text);
        const { id, 'OS-DCF:diskConfig': told } = made.body.server;
        assert.equal((await servers.show(id))['OS-DCF:diskConfig'], told);
        return told;
      };
      const withProperty = async (auto_disk_config: string) => {
        const image = imageFacts({ properties: { auto_disk_config } });
        await servers.world.images.add(image);
        return image.id;
      };
      const disabled = await withProperty('Disabled');
      const willing = await withProperty('True');
      assert.equal(await shownFor({}), 'MANUAL');
      assert.equal(await shownFor({ 'OS-DCF:diskConfig': 'AUTO' }), 'AUTO');
      assert.equal(await shownFor({ imageRef: willing }), 'AUTO');
      assert.equal(await shownFor({ imageRef: willing, 'OS-DCF:diskConfig': 'MANUAL' }), 'MANUAL');
      assert.equal(await shownFor({ imageRef: disabled }), 'MANUAL');
      const answer = await servers.post({ imageRef: disabled, 'OS-DCF:diskConfig': 'AUTO' });
      assert.equal(answer.status, 400);
      assert.equal(answer.body.badRequest.message, `Requested image ${disabled} has automatic disk resize disabled.`);
    });

    const refused = async (
      server: Readonly<Record<string, unknown>>,
      status: number,
      message: string | RegExp,
      options: Parameters<Servers['post']>[1] = {},
    ) => {
      const answer = await servers.post(server, { version: 'latest', ...options });
      assert.equal(answer.status, status, answer.text);
      const text = (Object.values(answer.body)[0] as { message: string }).message;
      if (typeof message === 'string') assert.equal(text, message);
      else assert.match(text, message);
    };

    it('makes a server that becomes ACTIVE, and tells where it will be and its password once', async () => {
      const made = await servers.post({}, { version: '2.1' });
      assert.equal(made.status, 202);
      const { id, adminPass } = made.body.server;
      assert.equal(made.headers['location'], `${servers.url}/v2.1/servers/${id}`);
      assert.deepEqual(Object.keys(made.body.server).toSorted(), [
        'OS-DCF:diskConfig',
        'adminPass',
        'id',
        'links',
        'security_groups',
      ]);
      assert.match(adminPass, /^[2-9A-HJ-NP-Za-km-z]{12}$/);
      assert.deepEqual(made.body.server.security_groups, [{ name: 'default' }]);
      await servers.world.settled();
      const shown = await servers.show(id);
      assert.deepEqual([shown.status, shown.adminPass, shown.name], ['ACTIVE', undefined, 'web']);
      const given = await servers.post({ adminPass: 'of mine', 'OS-DCF:diskConfig': 'MANUAL' });
      assert.deepEqual([given.body.server.adminPass, given.body.server['OS-DCF:diskConfig']], ['of mine', 'MANUAL']);
    });

    it('keeps every field', async () => {
      const id = await servers.create(
        {
          ...{ name: 'whole', description: 'all of it', hostname: 'whole.example.org', flavorRef: ELASTIC },
          ...{ metadata: { role: 'db' }, 'OS-DCF:diskConfig': 'MANUAL', accessIPv4: '192.0.2.7', key_name: 'mine' },
          ...{ accessIPv6: '2001:db8::7', availability_zone: 'nova', config_drive: 'yes', user_data: 'aGVsbG8=' },
          ...{ networks: [{ uuid: testNetwork.id, fixed_ip: '10.9.7.7', tag: 'front' }], tags: ['b', 'a', 'b'] },
          ...{ min_count: '1', max_count: 1, security_groups: [{ name: 'web' }] },
        },
        { version: 'latest' },
      );
      const shown = await servers.show(id, { as: 'admin', version: 'latest' });
      const fields = {
        ...{ name: 'whole', description: 'all of it', status: 'ACTIVE', metadata: { role: 'db' }, key_name: 'mine' },
        ...{ accessIPv4: '192.0.2.7', accessIPv6: '2001:db8::7', config_drive: 'True', 'OS-DCF:diskConfig': 'MANUAL' },
        ...{ 'OS-EXT-SRV-ATTR:hostname': 'whole.example.org', 'OS-EXT-SRV-ATTR:user_data': 'aGVsbG8=' },
        ...{ 'OS-EXT-AZ:availability_zone': 'nova', pinned_availability_zone: 'nova', scheduler_hints: {} },
      };
      for (const [key, value] of Object.entries(fields)) assert.deepEqual(shown[key], value, key);
      assert.deepEqual(shown.tags.toSorted(), ['a', 'b']);
      assert.deepEqual(
        shown.addresses['private'].map(({ addr, version }: { addr: string; version: number }) => [addr, version]),
        [['10.9.7.7', 4]],
      );
      const spec = servers.world.drivers.get(shown['OS-EXT-SRV-ATTR:host'])?.store.get(id)?.spec;
      assert.deepEqual(
        [spec?.configDrive?.userData, spec?.configDrive?.publicKey, spec?.nics[0]?.tag, spec?.boot],
        ['aGVsbG8=', KEY, 'front', { vcpus: 1, memoryMb: 256 }],
      );
    });

    it('takes what the openstack client sends: the image also as a block device', async () => {
      const device = { uuid: servers.imageId, boot_index: 0, source_type: 'image', destination_type: 'local' };
      const body = {
        block_device_mapping_v2: [{ ...device, delete_on_termination: true }],
        min_count: 1,
        max_count: 1,
      };
      const id = await servers.create({ ...body, networks: [{ uuid: testNetwork.id }] }, { version: '2.100' });
      assert.equal((await servers.show(id, { version: '2.100' })).image.id, servers.imageId);

      const noLocal = 'Block Device Mapping is Invalid: Mapping image to local is not supported.';
      await refused({ block_device_mapping_v2: [device], imageRef: '' }, 400, noLocal);
      await refused({ block_device_mapping_v2: [{ ...device, boot_index: 1 }] }, 400, noLocal);
      await refused({ block_device_mapping_v2: [{ ...device, boot_index: null }] }, 400, noLocal);
      await refused(
        { block_device_mapping_v2: [{ ...device, uuid: undefined }] },
        400,
        'Block Device Mapping is Invalid: Missing device UUID.',
      );
      const wrongBoot =
        'Block Device Mapping is Invalid: Boot sequence for the instance and image/block device mapping combination is not valid.';
      const another = uuidOf('another');
      await refused(
        { block_device_mapping_v2: [{ ...device, uuid: another }] },
        400,
        `Block Device Mapping is Invalid: failed to get image ${another}.`,
      );
      await refused({ block_device_mapping_v2: [device, device] }, 400, wrongBoot);
      await refused(
        { block_device_mapping_v2: [device], block_device_mapping: [{ volume_id: PORT }] },
        400,
        'Using different block_device_mapping syntaxes is not allowed in the same request.',
      );
      await refused({ imageRef: null }, 400, 'Missing imageRef attribute');
      await refused({ imageRef: '' }, 400, 'Missing imageRef attribute');
    });

    it('finds no volume and no snapshot, and says so as Nova does', async () => {
      const invalid = (why: string) => `Block Device Mapping is Invalid: ${why}`;
      const image = { uuid: servers.imageId, boot_index: 0, source_type: 'image', destination_type: 'local' };
      const more = { uuid: PORT, source_type: 'volume', destination_type: 'volume' };
      const root = { ...more, boot_index: 0 };
      const ephemeralTooLarge =
        'Ephemeral disks requested are larger than the instance type allows. If no size is given in one block device ' +
        'mapping, flavor ephemeral size will be used.';
      const cases: readonly [Readonly<Record<string, unknown>>, string][] = [
        [{ block_device_mapping_v2: [image, more] }, `Volume ${PORT} could not be found.`],
        [{ imageRef: null, block_device_mapping_v2: [root] }, invalid(`failed to get volume ${PORT}.`)],
        [
          { imageRef: null, block_device_mapping_v2: [{ ...root, source_type: 'snapshot' }] },
          `Snapshot ${PORT} could not be found.`,
        ],
        [
          { block_device_mapping_v2: [image, { ...more, source_type: 'snapshot' }] },
          invalid(`failed to get snapshot ${PORT}.`),
        ],
        [
          { block_device_mapping_v2: [image, more], max_count: 2 },
          'Cannot attach one or more volumes to multiple instances',
        ],
        [
          { imageRef: null, block_device_mapping_v2: [{ ...root, uuid: servers.imageId, source_type: 'image' }] },
          "Images with destination_type 'volume' need to have a non-zero size specified",
        ],
        [
          { block_device_mapping_v2: [image, { source_type: 'blank', destination_type: 'volume' }] },
          "Blank volumes (source: 'blank', dest: 'volume') need to have non-zero size",
        ],
        [
          { block_device_mapping_v2: [image, { source_type: 'blank', destination_type: 'local', volume_size: 1 }] },
          ephemeralTooLarge,
        ],
        [{ block_device_mapping_v2: [{ ...more, source_type: 'blank' }] }, invalid('Invalid device UUID.')],
        [{ block_device_mapping_v2: [image, { ...more, uuid: undefined }] }, invalid('Missing device UUID.')],
        [
          { block_device_mapping_v2: [image, { uuid: PORT, destination_type: 'volume' }] },
          invalid('Some required fields are missing'),
        ],
        [{ block_device_mapping: [{ volume_id: PORT, device_name: 'vdb' }] }, `Volume ${PORT} could not be found.`],
        [
          { imageRef: null, block_device_mapping: [{ volume_id: PORT, device_name: '/dev/vda' }] },
          invalid(`failed to get volume ${PORT}.`),
        ],
        [
          { block_device_mapping: [{ snapshot_id: PORT, device_name: 'vdb' }] },
          invalid(`failed to get snapshot ${PORT}.`),
        ],
        [{ block_device_mapping: [{ device_name: 'vdb' }] }, invalid('Unrecognized legacy format.')],
        [
          { block_device_mapping: [{ device_name: 'vdb', virtual_name: 'swap', volume_size: 1 }] },
          'Swap drive requested is larger than instance type allows.',
        ],
      ];
      for (const [body, message] of cases) await refused(body, 400, message);
      const typed = async (device: object, message: string) => {
        const answer = await servers.post({ block_device_mapping_v2: [device] }, { version: '2.67' });
        assert.equal(answer.body.badRequest?.message, message, answer.text);
      };
      const fast = { volume_type: 'fast' };
      const local = 'Specifying a volume_type with destination_type=local is not supported.';
      await typed({ ...image, ...fast }, invalid(local));
      await typed({ ...more, ...fast }, invalid('Specifying volume type to existing volume is not supported.'));
    });

    it('knows a flavor by any address that ends in its id', async () => {
      for (const flavorRef of [`http://any.host/flavors/${PLAIN}`, `/flavors/${PLAIN}?x=/y#z`]) {
        const id = await servers.create({ flavorRef });
        assert.equal((await servers.show(id)).flavor.id, PLAIN);
      }
    });

    it('shows its interfaces in the order in which they were asked for', async () => {
      const asked = [1, 2, 3, 4, 5, 6].map((last) => `10.9.9.${last}`);
      const networks = asked.map((fixed_ip) => ({ uuid: testNetwork.id, fixed_ip }));
      const id = await servers.create({ networks });
      const shown = (await servers.show(id)).addresses[testNetwork.name] as { addr: string }[];
      assert.deepEqual(
        shown.map(({ addr }) => addr),
        asked,
      );
    });

    it('keeps addresses in their canonical form', async () => {
      for (const [given, kept] of [
        ['0000:0000:0000:0000:0000:babe:220.12.22.2', '::babe:dc0c:1602'],
        ['FE80:0:0:1:0:0:0:1', 'fe80:0:0:1::1'],
        ['::FFFF:102:304', '::ffff:1.2.3.4'],
        ['::1.2.3.4', '::1.2.3.4'],
        ['::1', '::1'],
      ]) {
        assert.equal((await servers.show(await servers.create({ accessIPv6: given }))).accessIPv6, kept);
      }
    });

    it('makes as many as asked, or as many as fit', async () => {
      const several = await servers.post({ name: 'many', min_count: 2, max_count: 3 }, { version: '2.1' });
      assert.equal(several.status, 202);
      const reserved = await servers.post({ name: 'lot', max_count: '2', return_reservation_id: 'True' });
      assert.deepEqual(Object.keys(reserved.body), ['reservation_id']);
      assert.match(reserved.body.reservation_id, /^r-[0-9a-z]{8}$/);
      const of = await servers.request('GET', `/servers?reservation_id=${reserved.body.reservation_id}`, {
        as: 'member',
      });
      assert.deepEqual(of.body.servers.map(({ name }: { name: string }) => name).toSorted(), ['lot-1', 'lot-2']);
      await servers.world.settled();
      const all = await servers.request('GET', '/servers/detail?name=many', { as: 'admin', version: '2.3' });
      assert.deepEqual(all.body.servers, []);
      const mine = await servers.request('GET', '/servers?name=^many-[1-3]$', { as: 'member' });
      assert.equal(mine.body.servers.length, 3);

      await refused({ min_count: 3, max_count: 2 }, 400, 'min_count must be <= max_count');
      // which is said before anybody asks whether the caller may
      const asReader = await servers.post({ min_count: 3, max_count: 2 }, { as: 'reader' });
      assert.equal(asReader.status, 400);
      await refused({ min_count: 0 }, 400, /^Invalid input for field\/attribute min_count\. Value: 0\. /);
      await refused({ max_count: 'two' }, 400, /^Invalid input for field\/attribute max_count\. Value: two\. /);
      await refused({ max_count: 1_000_000 }, 400, /^max_count must be <= /);
      await refused(
        { max_count: 2, hostname: 'one' },
        400,
        'Unable to allocate a single hostname to multiple instances',
      );
      await refused(
        { max_count: 2, networks: [{ uuid: testNetwork.id, fixed_ip: '10.9.0.9' }] },
        400,
        'Failed to launch instances: max_count cannot be greater than 1 if an fixed_ip is specified.',
      );
      await refused(
        { max_count: 2, networks: [{ port: PORT }] },
        400,
        /^Failed to launch instances: Unable to launch multiple instances with a single configured port ID\./,
      );
    });

    it('knows networks by id, port, address, tag, and the words auto and none', async () => {
      const none = await servers.create({ networks: 'none' }, { version: '2.37' });
      assert.deepEqual((await servers.show(none)).addresses, {});
      const two = await servers.create(
        { networks: [{ uuid: testNetwork.id }, { port: PORT, tag: 'x' }] },
        { version: '2.42' },
      );
      assert.equal((await servers.show(two)).addresses['private'].length, 2);
      // before 2.37 nothing need be said, and the words are unknown
      await servers.create({}, { version: '2.36' });
      await refused({ networks: 'auto' }, 400, /^Invalid input for field\/attribute networks\./, { version: '2.36' });
      await refused({ networks: null }, 400, /'networks' is a required property/);
      await refused({ networks: 'all' }, 400, /^Invalid input for field\/attribute networks\. Value: all\. /);
      await refused(
        { networks: [{ uuid: 'private' }] },
        400,
        'Bad networks format: network uuid is not in proper format (private)',
        { version: '2.1' },
      );
      await refused({ networks: [{ fixed_ip: '10.9.0.9' }] }, 400, "Bad network format: missing 'uuid'");
      await refused(
        { networks: [{ port: PORT, fixed_ip: '10.9.0.9' }] },
        400,
        `Specified Fixed IP '10.9.0.9' cannot be used with port '${PORT}': the two cannot be specified together.`,
      );
      await refused(
        { networks: [{ port: PORT }, { port: OTHER_PORT }, { port: PORT }] },
        400,
        `Port ID '${PORT}' was specified twice: you cannot attach a port multiple times.`,
      );
      // a mistake of Nova's: the tag came at 2.32, was gone at 2.37 and is back at 2.42
      for (const [version, status] of [
        ['2.31', 400],
        ['2.32', 202],
        ['2.36', 202],
        ['2.37', 400],
        ['2.41', 400],
        ['2.42', 202],
      ] as const) {
        const answer = await servers.post({ networks: [{ uuid: testNetwork.id, tag: 'x' }] }, { version });
        assert.equal(answer.status, status, version);
      }
      await servers.world.settled();
    });

    it('lets only administrators say where it goes', async () => {
      const forced = await servers.create({ availability_zone: 'nova:host-2' }, { as: 'admin', version: '2.1' });
      const shown = await servers.show(forced, { as: 'admin' });
      assert.equal(shown['OS-EXT-SRV-ATTR:host'], 'host-2');
      for (const availability_zone of ['nova:host-1:host-1', 'nova::host-1', ':host-1']) {
        const id = await servers.create({ availability_zone }, { as: 'admin' });
        assert.equal((await servers.show(id, { as: 'admin' }))['OS-EXT-SRV-ATTR:host'], 'host-1');
      }
      const asked = await servers.create({ host: 'host-2' }, { as: 'admin', version: '2.74' });
      assert.equal((await servers.show(asked, { as: 'admin' }))['OS-EXT-SRV-ATTR:host'], 'host-2');
      await servers.create({ hypervisor_hostname: 'host-1' }, { as: 'admin', version: '2.74' });

      await refused({ availability_zone: 'nova:host-1' }, 403, /servers:create:forced_host/);
      await refused({ host: 'host-1' }, 403, /servers:create:requested_destination/);
      await refused({ host: 'host-1' }, 400, /'host' was unexpected/, { as: 'admin', version: '2.73' });
      await refused(
        { host: 'host-1', availability_zone: 'nova:host-1' },
        400,
        'One mechanism with host and/or hypervisor_hostname and another mechanism with zone:host:node are mutually exclusive.',
        { as: 'admin' },
      );
      await refused({ host: 'host-9' }, 400, 'Compute host host-9 could not be found.', { as: 'admin' });
      await refused({ availability_zone: 'a:b:c:d' }, 400, 'Invalid input received: Unable to parse availability_zone');
      await refused({ availability_zone: 'moon' }, 400, 'The requested availability zone is not available');
      const nowhere = await servers.create({ availability_zone: 'nova:host-9' }, { as: 'admin' });
      const lost = await servers.show(nowhere, { as: 'admin' });
      assert.deepEqual([lost.status, lost.fault.code], ['ERROR', 500]);
      assert.match(lost.fault.message, /^No valid host was found\./);
      assert.match(lost.fault.details, /host-1 \(RequestedDestination\): is not the host asked for/);
    });

    it('has tags from 2.52, descriptions from 2.19, hostnames from 2.90 and whole names from 2.94', async () => {
      const added = [
        ['tags', ['a'], '2.52'],
        ['description', 'words', '2.19'],
        ['hostname', 'web-1', '2.90'],
        ['trusted_image_certificates', null, '2.63'],
      ] as const;
      for (const [key, value, version] of added) {
        const before = `2.${Number(version.slice(2)) - 1}`;
        const body = { [key]: value ?? [] };
        await refused(body, 400, new RegExp(`'${key}' was unexpected`), { version: before });
        if (value !== null) assert.equal((await servers.post(body, { version })).status, 202);
      }
      await refused({ hostname: 'a.b' }, 400, /^Invalid input for field\/attribute hostname/, { version: '2.93' });
      assert.equal((await servers.post({ hostname: 'a.b' }, { version: '2.94' })).status, 202);
      await refused({ hostname: 'no_underscores!' }, 400, /^Invalid input for field\/attribute hostname/);
      await refused({ tags: ['a/b'] }, 400, /does not match/);
      await refused({ tags: ['x'.repeat(61)] }, 400, /is too long$/);
      await refused({ tags: Array.from({ length: 51 }, (_, index) => `t${index}`) }, 400, /is too long$/);
      // a description that nobody gave was the name, once
      const old = await servers.create({ name: 'old' }, { version: '2.18' });
      const young = await servers.create({ name: 'young' }, { version: '2.19' });
      assert.equal((await servers.show(old, { version: '2.19' })).description, 'old');
      assert.equal((await servers.show(young, { version: '2.19' })).description, null);
    });

    it('refuses what is too long or not what it should be', async () => {
      const bad = (key: string, value: unknown, version?: string) =>
        refused({ [key]: value }, 400, new RegExp(`^Invalid input for field/attribute ${key}\\.`), {
          ...(version === undefined ? {} : { version }),
        });
      await bad('user_data', 'A'.repeat(65_536));
      await bad('user_data', 'not base64!é');
      await bad('name', '');
      await bad('name', 'x'.repeat(256));
      await refused({ name: ' padded' }, 400, /Can not start or end with whitespace\.$/);
      await refused({ name: '   ' }, 400, /^An invalid 'name' value was provided\./);
      await bad('accessIPv4', '2001:db8::7');
      await bad('accessIPv6', '192.0.2.7');
      await bad('config_drive', 'perhaps');
      await bad('OS-DCF:diskConfig', 'auto');
      await bad('key_name', '');
      await bad('imageRef', 'no uuid');
      await refused({ metadata: { 'a/b': 'c' } }, 400, /does not match any of the regexes/);
      await refused({ metadata: { a: 'x'.repeat(256) } }, 400, /is too long$/);
      await refused({ nonsense: 1 }, 400, /'nonsense' was unexpected\)$/, { version: '2.1' });
      await refused({ personality: [] }, 400, /'personality' was unexpected/, { version: '2.57' });
      assert.equal((await servers.post({ personality: [] }, { version: '2.56' })).status, 202);
      assert.equal((await servers.post({ user_data: 'A'.repeat(65_532) }, { version: 'latest' })).status, 202);
    });

    it('refuses flavors, images and keys that are not there or do not fit', async () => {
      await refused({ flavorRef: 'nothing' }, 400, 'Flavor nothing could not be found.');
      await refused({ imageRef: uuidOf('no image') }, 400, 'Can not find requested image');
      await refused({ key_name: 'nobody' }, 400, 'Invalid key_name provided.');
      const queued = testImage({ id: uuidOf('queued'), status: 'queued' });
      const large = testImage({ id: uuidOf('large'), minRamMb: 1024 });
      const wide = testImage({ id: uuidOf('wide'), minDiskGb: 2 });
      const big = testImage({ id: uuidOf('big'), virtualSizeBytes: 2 * 1024 ** 3 });
      for (const image of [queued, large, wide, big]) await servers.world.images.add(image);
      await refused({ imageRef: queued.id }, 400, `Image ${queued.id} is not active.`);
      await refused({ imageRef: large.id }, 400, "Flavor's memory is too small for requested image.");
      await refused({ imageRef: wide.id }, 400, /^Flavor's disk is smaller than the minimum size/);
      await refused({ imageRef: big.id }, 400, /^Flavor's disk is too small for requested image\./);
      await servers.world.flavor({ id: 'private', vcpus: 1 });
      await servers.world.database.write('flavors').where({ flavorid: 'private' }).update({ is_public: 0 });
      await refused({ flavorRef: 'private' }, 400, 'Flavor private could not be found.');
      await servers.world.flavor({ id: 'diskless', vcpus: 1, memoryMb: 512, rootGb: 0 });
      await refused(
        { flavorRef: 'diskless' },
        403,
        'Only volume-backed servers are allowed for flavors with zero disk.',
      );
      assert.equal((await servers.post({ flavorRef: 'diskless' }, { as: 'admin' })).status, 202);
    });

    it('needs a member, and claims the minimum', async () => {
      await refused({}, 403, "Policy doesn't allow os_compute_api:servers:create to be performed.", { as: 'reader' });
      const claimed = await servers.create({ flavorRef: ELASTIC });
      const { id } = await servers.world.server(claimed);
      const claim = await findClaim(servers.world.database.read, id);
      assert.deepEqual([claim?.vcpus, claim?.memoryMb], [1, 256]);
      await servers.world.settled();
      assert.deepEqual(await servers.world.leftovers(), []);
    });

    it('keeps scheduler hints, and the older name of them', async () => {
      const hints = { target_cell: 'here', anything: ['a', 1] };
      const made = await servers.post({}, { version: '2.100', beside: { 'os:scheduler_hints': hints } });
      const old = await servers.post({}, { version: '2.1', beside: { 'OS-SCH-HNT:scheduler_hints': { query: 'x' } } });
      await servers.world.settled();
      assert.deepEqual((await servers.show(made.body.server.id, { version: '2.100' })).scheduler_hints, hints);
      assert.deepEqual((await servers.show(old.body.server.id, { version: 'latest' })).scheduler_hints, { query: 'x' });
      const bad = { beside: { 'os:scheduler_hints': { group: 'none' } } };
      await refused({}, 400, /^Invalid input for field\/attribute group\./, bad);
    });
  });

  describe(`the quota of POST /servers on ${engine}`, () => {
    it('is said in Nova’s words, and lets as many through as fit', async () => {
      const quota = { ...testConfig.quota, instances: 4, cores: 3, ram: 51_200, metadata_items: 1 };
      const servers = await startServers({ engine, config: { quota } });
      try {
        const some = await servers.post({ min_count: 1, max_count: 9, return_reservation_id: true });
        assert.equal(some.status, 202);
        const listed = await servers.request('GET', '/servers', { as: 'member' });
        assert.equal(listed.body.servers.length, 3);
        const none = await servers.post({ flavorRef: PLAIN });
        assert.equal(none.status, 403);
        assert.equal(
          none.body.forbidden.message,
          'Quota exceeded for cores: Requested 1, but already used 3 of 3 cores',
        );
        const both = await servers.post({ min_count: 2 });
        assert.equal(
          both.body.forbidden.message,
          'Quota exceeded for cores, instances: Requested 2, 2, but already used 3, 3 of 3, 4 cores, instances',
        );
        const wordy = await servers.post({ metadata: { a: '1', b: '2' } });
        assert.deepEqual(
          [wordy.status, wordy.body.forbidden.message],
          [403, 'Maximum number of metadata items exceeds 1'],
        );
        // another project has a quota of its own
        assert.equal((await servers.post({}, { as: 'other' })).status, 202);
        await servers.world.settled();
      } finally {
        await servers.close();
      }
    });
  });
}
