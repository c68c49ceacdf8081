// Why: one suite for each client: every command of clients/python-xloudclient on `xloud serve` with the fake driver, what it prints,
// and what the API then says.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { type ClientName, type ClientProcess, type Outcome, startClientOf } from './process.ts';
import type { Row } from './client.ts';
import { eventually, type Service, startService } from '../serve.ts';

const ROOT = join(import.meta.dirname, '../../..');
const PATIENCE_MS = 60_000;
const GROUP = 'openstack.xloud.v1';

/** `'two words' --like "these"` → words. */
const wordsOf = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');

/** Declares the tests of one client, in the environment that tools/python-client.sh makes. */
export function commandsOfXloudclient(which: ClientName): void {
  const python = join(ROOT, `.cache/venv/xloudclient-${which}/bin/python`);
  describe(`the commands of python-xloudclient with the ${which} openstack client`, {
    skip: existsSync(python) ? false : `${python} is not there`,
    concurrency: 1,
  }, () => {
    let service: Service;
    let client: ClientProcess;
    let first = '';
    let commands: readonly string[] = [];
    const used = new Set<string>();

    async function ask(line: string): Promise<Outcome> {
      const words = wordsOf(line);
      const plain = words.join(' ');
      const command = commands.find((one) => plain === one || plain.startsWith(`${one} `));
      if (command !== undefined) used.add(command);
      return client.ask(words);
    }
    async function run(line: string): Promise<string> {
      const { status, out, err } = await ask(line);
      assert.equal(status, 0, `openstack ${line}: ${err}`);
      return out;
    }
    const json = async (line: string): Promise<unknown> => JSON.parse(await run(`${line} -f json`)) as unknown;
    const row = async (line: string) => (await json(line)) as Row;
    const rows = async (line: string) => (await json(line)) as Row[];
    async function fails(line: string, words: RegExp): Promise<void> {
      const { status, out, err } = await ask(line);
      assert.deepEqual([status, out], [1, ''], line);
      assert.match(err, words);
    }
    async function api(path: string, status = 200) {
      const answer = await service.request('xloud', 'GET', `/compute/v2.1${path}`);
      assert.equal(answer.status, status, path);
      return answer.body;
    }
    const sizesOf = async (id: string) => {
      const { vcpus, memory_mb: memory, status } = await api(`/os-xloud-adjust/${id}`);
      return [status, vcpus.current, memory.current];
    };
    const gone = (path: string) =>
      eventually(`the end of ${path}`, PATIENCE_MS, async () => {
        const { status } = await service.request('xloud', 'GET', `/compute/v2.1${path}`);
        return status === 404 || null;
      });
    const create = async (name: string, behaviour = '') => {
      const more = behaviour === '' ? '' : `--property xloud_fake=${behaviour}`;
      return String((await row(`server create ${name} --image tiny --flavor elastic ${more} --wait`))['id']);
    };

    before(async () => {
      service = await startService({
        driver: 'fake',
        env: { XLOUD_LOG__LEVEL: 'warn', XLOUD_COMPUTE__FAKE_HOSTS: '2' },
      });
      client = await startClientOf(python, join(service.dataDir, 'clouds.yaml'), service.dataDir);
      const image = join(service.dataDir, 'image');
      writeFileSync(image, Buffer.alloc(1 << 20));
      await run(`image create --public --disk-format raw --container-format bare --file ${image} tiny`);
      await run(
        'flavor create elastic --vcpus 4 --ram 4096 --disk 1 --property minimum_cpu=1 --property minimum_memory=1024',
      );
      const [group] = (await rows(`command list --group ${GROUP}`)) as [{ Commands: string[] | string }];
      // Debian's prints a list as its lines
      const names = Array.isArray(group.Commands) ? group.Commands : group.Commands.split('\n');
      commands = names.toSorted((a, b) => b.length - a.length);
      first = await create('first');
    });
    after(async () => {
      await client?.close();
      await service?.close();
    });

    it('a server grows and shrinks, and is waited for', async () => {
      const grown = await row('server adjust first --vcpus 3 --memory 2G --wait');
      assert.deepEqual([grown['status'], (grown['vcpus'] as Row)['current'], grown['persist']], ['idle', 3, true]);
      assert.deepEqual(await sizesOf(first), ['idle', 3, 2048]);
      const shown = await row('server adjust show first');
      assert.deepEqual(
        [shown['server_id'], (shown['memory_mb'] as Row)['current'], (shown['vcpus'] as Row)['maximum']],
        [first, 2048, 4],
      );
      assert.match(await run('server adjust show first'), /current='3'/);
      await run(`server adjust ${first} --memory 1536 --no-persist --no-may-migrate --wait`);
      assert.deepEqual(await sizesOf(first), ['idle', 3, 1536]);
      assert.equal((await api(`/os-xloud-adjust/${first}`)).persist, false);
      await run('server adjust --vcpus 1 --memory 1024M --may-migrate --wait first');
      assert.deepEqual(await sizesOf(first), ['idle', 1, 1024]);
    });

    it('what cannot be had fails with the words of the service', async () => {
      await fails('server adjust first --vcpus 9', /maximum|4/);
      await fails('server adjust first', /--vcpus, --memory or both/);
      await fails('server adjust nobody --vcpus 2', /nobody/);
      const { status, err } = await ask('server adjust first --memory 4X');
      assert.equal(status, 2);
      assert.match(err, /'4X' is not a memory size/);
      assert.deepEqual(await sizesOf(first), ['idle', 1, 1024]);
    });

    it('what is reached in part, or not, fails with the message, once it is waited for', async () => {
      for (const behaviour of ['partial:50', 'refuse']) {
        const id = await create('stubborn', behaviour);
        await run('server adjust stubborn --vcpus 3');
        const { message, status } = await eventually('the end', PATIENCE_MS, async () => {
          const seen = await api(`/os-xloud-adjust/${id}`);
          return seen.status === 'adjusting' ? null : seen;
        });
        assert.match(status, /partial|error/);
        assert.ok(message.length > 0);
        const { status: code, out, err } = await ask('server adjust stubborn --vcpus 4 --wait -f json');
        assert.deepEqual([code, out], [1, '']);
        assert.ok(err.includes((await api(`/os-xloud-adjust/${id}`)).message), err);
        await run('server delete --wait stubborn');
      }
    });

    it('progress is told beside the table', async () => {
      const id = await create('slow', 'slow:1500');
      const { out, err } = await ask('server adjust slow --vcpus 2 --wait -f json');
      assert.match(err, /Progress: 1 of 2 vCPUs, 1024 of 1024 MiB/);
      assert.equal((JSON.parse(out) as Row)['server_id'], id);
      await run('server delete --wait slow');
    });

    it('ways are planned, and nothing is changed', async () => {
      const plan = await row('server adjust plan first --vcpus 4 --memory 4G');
      assert.deepEqual(plan['target'], { vcpus: 4, memory_mb: 4096 });
      assert.equal((plan['live'] as Row)['possible'], true);
      assert.match(await run('server adjust plan first --vcpus 4'), /\| live +\| yes/);
      const no = await run('server adjust plan first --vcpus 9');
      assert.match(no, /\| live +\| no: .*at most 4 vCPUs/);
      assert.deepEqual(await sizesOf(first), ['idle', 1, 1024]);
    });

    it('servers whose size may change are listed', async () => {
      const second = await create('second');
      const list = await rows('server adjust list');
      assert.deepEqual(new Set(list.map((one) => one['Name'])), new Set(['first', 'second']));
      const [long] = await rows('server adjust list --long --all-projects --limit 1');
      assert.deepEqual([long?.['Server ID'], long?.['Claimed vCPUs'], long?.['Memory Method']], [second, 1, 'balloon']);
      const rest = await rows(`server adjust list -n --marker ${second}`);
      assert.deepEqual(
        rest.map((one) => [one['Server ID'], one['Name'], one['Max Memory MB']]),
        [[first, undefined, 4096]],
      );
      await run('server delete --wait second');
    });

    it('policies are made, told of, changed and removed', async () => {
      const rules = '--vcpus 1:4 --memory 1G:4G:512M --cpu-grow-above 0.8 --looks 3 --cooldown-grow 0';
      const schedule = "--schedule '0 7 * * 1,2; vcpus=3; memory=2G; timezone=Europe/Berlin'";
      const made = await row(`server adjust policy create web --server first ${rules} ${schedule} --dry-run`);
      const path = `/os-xloud-adjust-policies/${String(made['id'])}`;
      const { policy } = await api(path);
      assert.deepEqual(
        [policy.server_id, policy.dry_run, policy.enabled, policy.pressure.memory_mb, policy.pressure.looks],
        [first, true, true, { min: 1024, max: 4096, step: 512 }, 3],
      );
      assert.deepEqual(policy.schedules, [
        { cron: '0 7 * * 1,2', timezone: 'Europe/Berlin', vcpus: 3, memory_mb: 2048 },
      ]);
      await run('server adjust policy set web --name shop --memory-grow-below 0.3 --disable --no-dry-run');
      const changed = (await api(path)).policy;
      assert.deepEqual(
        [changed.name, changed.enabled, changed.dry_run, changed.pressure.memory.grow_below, changed.pressure.looks],
        ['shop', false, false, 0.3, 3],
      );
      assert.deepEqual(changed.schedules, policy.schedules);
      const shown = await row('server adjust policy show shop');
      assert.deepEqual([shown['pressure'], shown['schedules']], [changed.pressure, changed.schedules]);
      await run("server adjust policy set shop --no-pressure --no-schedule --schedule '5 5 * * *; vcpus=2'");
      assert.deepEqual(
        [(await api(path)).policy.pressure, (await api(path)).policy.schedules],
        [null, [{ cron: '5 5 * * *', timezone: 'UTC', vcpus: 2 }]],
      );
      await run('server adjust policy create all --flavor elastic --vcpus 1:2');
      const list = await rows('server adjust policy list --all-projects --limit 10');
      assert.deepEqual(
        new Set(list.map((one) => `${String(one['Name'])}: ${String(one['For'])}`)),
        new Set(['all: flavor', 'shop: server']),
      );
      assert.deepEqual(await rows('server adjust policy decision list shop --limit 5'), []);
      await fails('server adjust policy set shop', /Nothing to change/);
      await fails('server adjust policy delete shop nobody all', /1 of 3 policies failed to delete/);
      assert.deepEqual((await api('/os-xloud-adjust-policies')).policies, []);
    });

    it('snapshots are made, gone back to and deleted', async () => {
      const made = await row('server snapshot create first --name before --description kept --tag a --tag b --wait');
      assert.deepEqual([made['status'], made['tags'], made['live']], ['available', ['a', 'b'], true]);
      const path = `/os-xloud-snapshots/${String(made['id'])}`;
      assert.equal((await api(path)).snapshot.description, 'kept');
      await run('server snapshot set first before --name good --no-tag --tag c');
      assert.deepEqual([(await api(path)).snapshot.name, (await api(path)).snapshot.tags], ['good', ['c']]);
      assert.equal((await row('server snapshot show first good'))['id'], made['id']);
      assert.deepEqual(
        (await rows('server snapshot list first')).map((one) => [one['Name'], one['Status'], one['Tags']]),
        [['good', 'available', ['c']]],
      );
      await run('server snapshot restore first good --wait');
      const [action] = (await api(`/servers/${first}/os-instance-actions`)).instanceActions;
      assert.deepEqual([action.action, action.message], ['restore_disk', null]);
      assert.equal((await api(`/servers/${first}`)).server.status, 'ACTIVE');
      await fails('server snapshot show first nobody', /No Snapshot found for nobody/);
      await run(`server snapshot delete first ${String(made['id'])}`);
      await gone(path);
    });

    it('backups are made, verified, gone back to, and become servers', async () => {
      const whole = await row('server disk backup create first --name monday --whole --wait');
      assert.deepEqual([whole['kind'], whole['status']], ['full', 'available']);
      const changes = await row('server disk backup create first --name tuesday --tag t --wait');
      assert.equal(changes['parent_id'], whole['id']);
      const path = `/os-xloud-backups/${String(changes['id'])}`;
      await run('server disk backup set tuesday --name last --description d');
      assert.deepEqual([(await api(path)).backup.name, (await api(path)).backup.tags], ['last', ['t']]);
      assert.equal((await row('server disk backup show last'))['description'], 'd');
      assert.notEqual((await row('server disk backup verify last --wait'))['verified_at'], null);
      assert.deepEqual(
        (await rows('server disk backup list first')).map((one) => one['Name']),
        ['last', 'monday'],
      );
      await run('server disk backup restore last --server first --wait');
      const [action] = (await api(`/servers/${first}/os-instance-actions`)).instanceActions;
      assert.deepEqual([action.action, action.message], ['restore_disk', null]);
      const again = await row(
        'server disk backup restore last --new-server again --flavor elastic --network private --property k=v --wait',
      );
      assert.equal(again['status'], 'ACTIVE');
      const { server } = await api(`/servers/${String(again['id'])}`);
      assert.deepEqual([server.name, server.metadata.k, server.flavor.original_name], ['again', 'v', 'elastic']);
      await fails('server disk backup restore last --new-server other', /--flavor/);
      await fails('server disk backup delete monday', /1 of 1 backups failed/);
      await run('server delete --wait again');
      await run('server disk backup delete last');
      await gone(path);
      assert.deepEqual(
        (await rows('server disk backup list')).map((one) => one['Name']),
        ['monday'],
      );
    });

    it('a backup that is broken fails what waits for it, with the reason', async () => {
      for (const what of ['verify monday --wait', 'restore monday --server first --wait']) {
        const { id } = await row('server disk backup show monday');
        await rm(join(service.dataDir, 'backups', first, `${String(id)}.qcow2`));
        const { status, out, err } = await ask(`server disk backup ${what}`);
        const { backup } = await api(`/os-xloud-backups/${String(id)}`);
        assert.deepEqual([status, out, backup.status], [1, '', 'error']);
        assert.ok(err.includes(backup.reason), `${err} does not say: ${backup.reason}`);
        await run('server disk backup delete monday');
        await gone(`/os-xloud-backups/${String(id)}`);
        await run('server disk backup create first --name monday --whole --wait');
      }
      await run('server disk backup delete monday');
    });

    it('backups are scheduled', async () => {
      const set = await row("server disk backup schedule set first --cron '30 2 * * *' --keep 2 --incrementals 6");
      assert.equal(set['incrementals'], 6);
      const path = `/servers/${first}/os-xloud-backup-schedule`;
      assert.deepEqual([(await api(path)).schedule.cron, (await api(path)).schedule.keep], ['30 2 * * *', 2]);
      assert.equal((await row('server disk backup schedule show first'))['enabled'], true);
      await run("server disk backup schedule set first --cron '0 1 * * *' --keep 3 --disable");
      assert.deepEqual([(await api(path)).schedule.enabled, (await api(path)).schedule.incrementals], [false, 0]);
      await fails("server disk backup schedule set first --cron 'x x x x x' --keep 3", /'x x x x x' is no schedule/);
      await run('server disk backup schedule delete first');
      await api(path, 404);
      await fails('server disk backup schedule show first', /has no schedule of backups/);
    });

    it('a program has the same by openstacksdk', async () => {
      const { stdout } = await promisify(execFile)(
        python,
        [join(ROOT, 'tools/python-client/program.py'), 'xloud', 'first', '3'],
        { env: { PATH: '/usr/bin:/bin', OS_CLIENT_CONFIG_FILE: join(service.dataDir, 'clouds.yaml') } },
      );
      assert.match(stdout, /^3 idle True\n.*400.*at least 1 and at most 4 vCPUs/);
      assert.equal((await sizesOf(first))[1], 3);
    });

    it('the client completes the commands, helps with them, and still has its own', async () => {
      const completion = await run('complete');
      assert.match(completion, /cmds_server_adjust='.*--may-migrate .*plan/);
      assert.match(completion, /cmds_server_snapshot='create delete list restore set show'/);
      assert.match(completion, /cmds_server_disk_backup_verify='.*--wait/);
      for (const command of commands) assert.match((await client.ask([...command.split(' '), '--help'])).out, /usage/);
      const { status, out } = await ask('server backup create --help');
      assert.equal(status, 0);
      assert.match(out, /--rotate/);
    });

    it('every command was run', () =>
      assert.deepEqual(
        commands.filter((one) => !used.has(one)),
        [],
      ));
  });
}
