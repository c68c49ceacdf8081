// The commands that ask a running service, as an administrator runs them.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually, type Service, startService } from '../support/serve.ts';
import { type Ended, xloud } from '../support/xloud.ts';

describe('xloud scheduler explain', () => {
  let service: Service;
  let flavorId: string;
  before(async () => {
    service = await startService({ driver: 'fake' });
    const flavor = { name: 'plain', vcpus: 1, ram: 512, disk: 1 };
    const { body } = await service.request('xloud', 'POST', '/compute/v2.1/flavors', { flavor });
    flavorId = body.flavor.id;
  });
  after(() => service.close());

  const explain = (...words: string[]): Promise<Ended> =>
    xloud('scheduler', 'explain', '--data-dir', service.dataDir, ...words);

  it('shows the hosts with their points, or why not', async () => {
    const good = await explain('--flavor', flavorId);
    assert.equal(good.status, 0, good.stderr);
    assert.match(good.stdout, /: 1 of 1 hosts take it\.\n\nhost +zone +score +RAM +CPU +Disk +Headroom .*why not\n/);
    const bad = await explain('--flavor', flavorId, '--zone', 'mars');
    assert.match(bad.stdout, /AvailabilityZoneFilter: is in zone nova, not mars\n$/);
  });

  it("or as JSON, the service's own answer", async () => {
    const { stdout } = await explain('--flavor', flavorId, '--hint', 'build_near_host_ip=10.0.0.1', '-f', 'json');
    const path = '/compute/v2.1/os-xloud-scheduler/explain';
    const { body } = await service.request('xloud', 'POST', path, { flavor_id: flavorId });
    assert.deepEqual(JSON.parse(stdout), body);
  });

  it('ends with status 2 and one line where the service refuses', async () => {
    const none = await explain('--flavor', 'none');
    assert.deepEqual(none, {
      status: 2,
      stdout: '',
      stderr: 'xloud: Flavor none could not be found. (HTTP 400)\n',
    });
    const demo = await explain('--os-cloud', 'xloud-demo', '--flavor', flavorId);
    assert.equal(demo.status, 2);
    assert.match(demo.stderr, /^xloud: Policy doesn't allow os_compute_api:xloud:scheduler:explain .* \(HTTP 403\)\n$/);
  });
});

describe('xloud cloud-init', () => {
  let service: Service;
  before(async () => {
    service = await startService({ driver: 'fake' });
  });
  after(() => service.close());
  const cloudInit = (...words: string[]): Promise<Ended> =>
    xloud('cloud-init', ...words, '--data-dir', service.dataDir, '--os-cloud', 'xloud-demo');

  it('lists the templates, and shows one with its variables and its document', async () => {
    const list = await cloudInit('list');
    assert.equal(list.status, 0, list.stderr);
    assert.match(list.stdout, /^name +version +source +description\n.*\nweb-server +1 +built-in +nginx /s);
    const { stdout } = await cloudInit('show', 'web-server');
    assert.match(
      stdout,
      /^web-server, version 1 \(built-in\): nginx .*\nxloud:template\.port +integer +80 .*\n#cloud-config\n/s,
    );
    assert.deepEqual(await cloudInit('show', 'nothing'), {
      status: 2,
      stdout: '',
      stderr: "xloud: There is no cloud-init template 'nothing'. (HTTP 404)\n",
    });
  });
});

describe('xloud profile', () => {
  let service: Service;
  before(async () => {
    service = await startService({ driver: 'fake' });
  });
  after(() => service.close());
  const profile = (...words: string[]): Promise<Ended> => xloud('profile', ...words, '--data-dir', service.dataDir);

  it('lists profiles, shows the one of a server, gives it another, and says what it takes', async () => {
    const list = await profile('list');
    assert.match(
      list.stdout,
      /^balanced: What does good .*\n {2}hw_rng:allowed +true +the host's random numbers/,
      list.stderr,
    );
    const ask = (path: string, body: object) => service.request('xloud', 'POST', `/compute/v2.1${path}`, body);
    const made = await service.request('xloud', 'POST', '/image/v2/images', {
      ...{ name: 'one', disk_format: 'raw', container_format: 'bare' },
    });
    await service.request('xloud', 'PUT', `/image/v2/images/${made.body.id}/file`, Buffer.alloc(512));
    const flavor = await ask('/flavors', { flavor: { name: 'plain', vcpus: 1, ram: 512, disk: 1 } });
    const server = { name: 'one', imageRef: made.body.id, flavorRef: flavor.body.flavor.id, networks: 'none' };
    const created = await ask('/servers', { server });
    assert.equal(created.status, 202, JSON.stringify(created.body));
    const { id } = created.body.server as { id: string };
    await eventually('the server is active', 30_000, async () => {
      const { body } = await service.request('xloud', 'GET', `/compute/v2.1/servers/${id}`);
      return body.server.status === 'ACTIVE' ? true : null;
    });
    assert.deepEqual(await profile('show', id), { status: 0, stdout: `${id}: no profile\n`, stderr: '' });
    const given = await profile('apply', id, 'energy-efficient');
    assert.equal(given.status, 0, given.stderr);
    assert.match(
      given.stdout,
      /: energy-efficient, from the next start on\n\nextra spec +value +from +does\nquota:cpu_shares +512 +profile +half /,
    );
    assert.match((await profile('apply', id, 'fast')).stderr, /^xloud: There is no profile 'fast'; .*\(HTTP 400\)\n$/);
    assert.match((await profile('apply', id, '-')).stdout, /: no profile, from the next start on\n$/);

    const begun = await xloud('cloud-init', 'status', id, '--data-dir', service.dataDir);
    assert.match(begun.stdout, /^server_id +\S+\n[^]*\nstatus +done\n[^]*\nCloud-init finished/, begun.stderr);

    const metrics = (...words: string[]): Promise<Ended> => xloud('metrics', ...words, '--data-dir', service.dataDir);
    const taken = await metrics('server', id);
    assert.match(taken.stdout, /^server_id +\S+\n[^]*\ncpu +0\n[^]*\ndisk read_bytes +0\n/, taken.stderr);
    const { hypervisors } = (await service.request('xloud', 'GET', '/compute/v2.1/os-hypervisors/detail')).body;
    const busy = await metrics('host', hypervisors[0].service.host);
    assert.match(busy.stdout, /\nclaims overcommit vcpus +0\.\d+\n/, busy.stderr);
  });
});

describe('xloud plans, prices and costs', () => {
  let service: Service;
  before(async () => {
    service = await startService({ driver: 'fake' });
  });
  after(() => service.close());
  const run = (...words: string[]): Promise<Ended> => xloud(...words, '--data-dir', service.dataDir);

  it('makes the plans that most begin with, and leaves those that are there', async () => {
    assert.match((await run('plans', 'list')).stdout, /^no flavor has a price/);
    const made = await run('plans', 'create-defaults');
    assert.equal(made.status, 0, made.stderr);
    assert.match(
      made.stdout,
      /^micro: created\n.*\nplan +vCPUs +MiB +GB +USD per hour .*\nmicro +1 +1024 +20 +0\.005000 /s,
    );
    assert.match(made.stdout, /\nelastic-large +1 to 8 +1024 to 8192 +160 +0\.012000 +0\.003000 +0\.001500\n/);
    const again = await run('plans', 'create-defaults');
    assert.deepEqual([again.status, again.stdout.match(/stays as it is/g)?.length], [0, 6]);
  });

  it('shows and changes prices', async () => {
    const set = await run('prices', 'set', 'volume=0.0001', 'floating_ip=0.005');
    assert.deepEqual(set, await run('prices', 'show'));
    assert.match(
      set.stdout,
      /^an hour of +USD\nvolume +0\.000100\nsnapshot +0\.000000\nimage .*\nfloating_ip +0\.005000\nserver_snapshot .*\nbackup .*\n$/,
    );
    for (const wrong of ['volume', 'volume=x', 'colour=1']) {
      const { status, stderr } = await run('prices', 'set', wrong);
      assert.equal(status, 2, stderr);
      assert.match(stderr, /^xloud: .*\n$/);
    }
  });

  it('says what was recorded', async () => {
    const none = await run('costs', '--start', '2020-01-01T00:00:00', '--end', '2020-02-01T00:00:00');
    assert.equal(none.stdout, 'from 2020-01-01T00:00:00Z to 2020-02-01T00:00:00Z, in USD: nothing was recorded\n');
    assert.match((await run('costs', '--group-by', 'colour')).stderr, /'colour' is not one of: project, user, kind/);
  });
});
