// Why: one walk through all compute commands of the openstack client, that this product and real Nova both can be sent on.

import assert from 'node:assert/strict';
import type { OpenstackClient, Row } from './client.ts';
import type { Stage, Step } from './step.ts';
import { serverSteps } from './walk-servers.ts';
import { eventually } from '../serve.ts';

const REACHED_MS = 60_000;
const UUID = /^[0-9a-f-]{36}$/;

export const pick = (from: Row, ...names: string[]): unknown[] => names.map((name) => from[name]);
export const named = (list: readonly Row[], name: string): Row =>
  list.find((one) => one['Name'] === name) ?? assert.fail(name);
/** The names of the walk's own things, in the order of the list. */
const order = (list: readonly Row[], ...own: string[]): unknown[] =>
  list.map((one) => one['Name']).filter((name) => own.includes(String(name)));

/** `restart`: where the service of a host must be started again before the host can be declared up. */
export function stageOf(client: OpenstackClient, restart: Stage['restart'] = async () => {}): Stage {
  const debian = client.which === 'debian';
  const newer = debian ? '--os-compute-api-version 2.92 ' : '';
  const words = (line: string): string[] => line.split(' ');
  const row = (line: string) => client.row(...words(line));
  const rows = (line: string) => client.rows(...words(line));
  const statusOf = async (name: string) => (await client.look('server', 'show', name))['status'];
  return {
    ...{ client, debian, newer, row, rows, statusOf, restart },
    run: (line) => client.run(...words(line)),
    async eachRow(line) {
      if (debian) await row(line);
      return row(`${newer}${line}`);
    },
    async eachRows(line) {
      if (debian) await rows(line);
      return rows(`${newer}${line}`);
    },
    fails: (line) => assert.rejects(client.run(...words(line))),
    reaches: (name, status) =>
      eventually(`${name} ${status}`, REACHED_MS, async () => ((await statusOf(name)) === status ? true : null)).then(
        () => {},
        async (error: unknown) => {
          throw new Error(`${(error as Error).message}: ${String(await statusOf(name))}`);
        },
      ),
  };
}

/** One of the hosts, which the walk changes: another than the control plane's. */
export const hostOf = async ({ client }: Stage): Promise<string> => {
  const list = JSON.parse(await client.run('hypervisor', 'list', '-f', 'json')) as readonly Row[];
  return (
    list
      .map((one) => String(one['Hypervisor Hostname']))
      .toSorted()
      .at(-1) ?? assert.fail('no host')
  );
};

const hosts: Record<string, Step> = {
  async hypervisors(stage) {
    const { eachRow, eachRows, row, rows, fails } = stage;
    const host = await hostOf(stage);
    for (const list of [await rows('hypervisor list'), await eachRows('hypervisor list --long')]) {
      assert.deepEqual(
        pick(list.find((one) => one['Hypervisor Hostname'] === host) ?? {}, 'Hypervisor Type', 'State'),
        ['fake', 'up'],
      );
    }
    const shown = await eachRow(`hypervisor show ${host}`);
    assert.deepEqual(pick(shown, 'hypervisor_hostname', 'state', 'status', 'service_host'), [
      ...[host, 'up', 'enabled', host],
    ]);
    const stats = await row('hypervisor stats show');
    assert.equal(stats['count'], 2);
    await fails('hypervisor show nowhere');
  },

  async hosts(stage) {
    const { rows, run, fails } = stage;
    const host = await hostOf(stage);
    const entry = (await rows('host list --zone nova')).find((one) => one['Host Name'] === host);
    assert.deepEqual(entry, { 'Host Name': host, Service: 'compute', Zone: 'nova' });
    await rows('host list');
    const [total = {}] = await rows(`host show ${host}`);
    assert.deepEqual(pick(total, 'Host', 'Project'), [host, '(total)']);
    await fails('host show nowhere');
    // whether a hypervisor can be switched off and on is a matter of its driver
    await run(`host set --disable ${host}`).catch(() => '');
    await run(`host set --enable ${host}`).catch(() => '');
  },

  async services(stage) {
    const { run, rows, newer, eachRows, fails } = stage;
    const host = await hostOf(stage);
    await run(`compute service set --disable --disable-reason repair ${host} nova-compute`);
    const all = await eachRows(`compute service list --long --host ${host}`);
    const off = all.find((one) => one['Binary'] === 'nova-compute') ?? {};
    assert.deepEqual(pick(off, 'Binary', 'Host', 'Status', 'State', 'Disabled Reason'), [
      ...['nova-compute', host, 'disabled', 'up', 'repair'],
    ]);
    await run(`compute service set --enable ${host} nova-compute`);
    await run(`${newer}compute service set --disable ${host} nova-compute`);
    await run(`${newer}compute service set --enable ${host} nova-compute`);
    const [on = {}] = await rows(`compute service list --service nova-compute --host ${host}`);
    assert.equal(on['Status'], 'enabled');
    await rows('compute service list');
    await fails('compute service set --disable nowhere nova-compute');
    // removed from Nova
    await fails('compute agent list');
    await fails('compute agent create linux x86 1.0 http://127.0.0.1/agent 0123456789abcdef0123456789abcdef kvm');
    await fails('compute agent set --agent-version 2.0 1');
    await fails('compute agent delete 1');
  },

  async aggregates(stage) {
    const { run, row, rows, eachRow, eachRows, fails } = stage;
    const host = await hostOf(stage);
    const made = await row('aggregate create --zone east --property a=b racks');
    assert.deepEqual(pick(made, 'name', 'availability_zone', 'hosts'), ['racks', 'east', []]);
    assert.deepEqual((await row(`aggregate add host racks ${host}`))['hosts'], [host]);
    await fails(`aggregate add host racks ${host}`);
    await fails('aggregate create racks');
    await run('aggregate set --name rack --property c=d racks');
    await run('aggregate unset --property a rack');
    const shown = await eachRow('aggregate show rack');
    assert.deepEqual(pick(shown, 'name', 'availability_zone', 'hosts'), ['rack', 'east', [host]]);
    assert.deepEqual(shown['properties'], { c: 'd' });
    await run('aggregate cache image rack tiny');
    await fails('aggregate delete rack');
    const [zone] = (await rows('availability zone list --compute')).filter((one) => one['Zone Name'] === 'east');
    assert.equal(zone?.['Zone Status'], 'available');
    await rows('availability zone list --compute --long');
    assert.deepEqual((await row(`aggregate remove host rack ${host}`))['hosts'], []);
    await row('aggregate create plain');
    assert.deepEqual(order(await eachRows('aggregate list'), 'rack', 'plain'), ['rack', 'plain']);
    const listed = named(await eachRows('aggregate list --long'), 'rack');
    assert.deepEqual(pick(listed, 'Name', 'Availability Zone', 'Properties'), ['rack', 'east', { c: 'd' }]);
    await run('aggregate delete rack plain');
    await fails('aggregate show rack');
  },
};

const things: Record<string, Step> = {
  async flavors({ debian, run, row, eachRow, eachRows, rows, newer, fails }) {
    const size = '--vcpus 1 --ram 512 --disk 1';
    const small = await row(`flavor create --id small ${size} --property note=x small`);
    assert.deepEqual(pick(small, 'id', 'vcpus', 'ram', 'disk', 'os-flavor-access:is_public'), [
      ...['small', 1, 512, 1, true],
    ]);
    assert.deepEqual(small['properties'], { note: 'x' });
    const big = await row(
      `flavor create --vcpus 2 --ram 1024 --disk 1 --swap 64 --ephemeral 1 ${debian ? '--rxtx-factor 2 ' : ''}big`,
    );
    assert.match(String(big['id']), UUID);
    await run(`flavor create ${size} --private own`);
    await run(`flavor set --project demo --description words own`);
    const shown = await eachRow('flavor show own');
    assert.deepEqual([shown['description'], (shown['access_project_ids'] as string[]).length], ['words', 1]);
    await run('flavor unset --project demo own');
    assert.deepEqual((await row('flavor show own'))['access_project_ids'], []);
    await run('flavor set --property more=y small');
    await run('flavor unset --property more small');
    await eachRow('flavor show small');
    await eachRow('flavor show big');
    const listed = named(await eachRows('flavor list --all --long'), 'small');
    assert.deepEqual(pick(listed, 'ID', 'RAM', 'Disk', 'VCPUs', 'Is Public', 'Properties'), [
      ...['small', 512, 1, 1, true, { note: 'x' }],
    ]);
    assert.deepEqual(order(await rows('flavor list --all'), 'small', 'big', 'own').length, 3);
    await row(`${newer}flavor create --id gone ${size} --description words gone`);
    await fails(`flavor create --id gone ${size} gone`);
    await fails('flavor create --vcpus 0 --ram 512 --disk 1 never');
    await fails('flavor delete nothing');
    await run('flavor delete gone');
    await fails('flavor show gone');
  },

  async keys({ run, rows, eachRow, eachRows, newer, fails }) {
    assert.match(await run('keypair create key'), /^-----BEGIN (RSA|OPENSSH) PRIVATE KEY-----/);
    const shown = await eachRow('keypair show key');
    assert.deepEqual(pick(shown, 'name', 'type'), ['key', 'ssh']);
    assert.match(String(shown['fingerprint']), /^([0-9a-f]{2}:){15}[0-9a-f]{2}$/);
    assert.match(await run('keypair show --public-key key'), /^ssh-(rsa|ed25519) /);
    await run('keypair create gone');
    assert.deepEqual(order(await eachRows('keypair list'), 'key', 'gone'), ['gone', 'key']);
    await rows(`${newer}keypair list --user admin`);
    await fails('keypair create gone');
    await run('keypair delete gone');
    await fails('keypair show gone');
    await fails('keypair delete gone');
  },

  async groups({ run, row, rows, eachRow, debian, newer, fails }) {
    const policy = debian ? '--os-compute-api-version 2.64 ' : '';
    const made = await row(`${policy}server group create --policy anti-affinity together`);
    assert.deepEqual(pick(made, 'name', 'policy', 'members'), ['together', 'anti-affinity', []]);
    for (const at of debian ? ['', policy] : ['']) {
      const listed = named(await rows(`${at}server group list --long`), 'together');
      assert.deepEqual(listed['Members'], []);
      await rows(`${at}server group list`);
    }
    assert.equal((await eachRow('server group show together'))['id'], made['id']);
    await row('server group create --policy affinity gone');
    await row(`${newer}server group create --policy anti-affinity --rule max_server_per_host=2 apart`);
    await row(`${newer}server group show apart`);
    assert.deepEqual(order(await rows('server group list'), 'together', 'gone', 'apart'), [
      ...['together', 'gone', 'apart'],
    ]);
    await run('server group delete gone apart');
    await fails('server group show gone');
  },
};

const sums: Record<string, Step> = {
  async 'quotas, limits and usage'({ run, row, rows, debian, fails }) {
    await run('quota set --cores 30 --key-pairs 50 demo');
    const quotas = debian ? await row('quota show demo') : await rows('quota show demo');
    assert.match(JSON.stringify(quotas), debian ? /"cores":30/ : /"Resource":"cores","Limit":30/);
    await run('quota set --class --instances 10 default');
    for (const which of ['--default', '--class default', '--compute', '--compute --usage']) {
      if (debian && which.startsWith('--compute')) continue;
      const line = which === '--class default' ? 'quota show --class default' : `quota show ${which}`;
      await (debian ? row(line) : rows(line)).catch(() => undefined);
    }
    await rows('quota list --compute');
    if (debian) await rows('quota list --compute --detail');
    await fails('quota set --cores -5 demo');
    const limits = await rows('limits show --absolute');
    const limit = (...names: string[]) => limits.find(({ Name }) => names.includes(String(Name)))?.['Value'];
    assert.equal(limit('totalInstancesUsed', 'total_instances_used', 'instances_used'), 2, JSON.stringify(limits));
    assert.equal(limit('totalCoresUsed', 'total_cores_used'), 3);
    await rows('limits show --rate');
    const usages = await rows('usage list');
    assert.ok(Number(usages[0]?.['CPU Hours']) > 0, JSON.stringify(usages));
    const usage = await row('usage show --project admin');
    assert.ok(Object.keys(usage).length >= 4);
    await run('quota set --cores 20 --key-pairs 100 demo');
  },
};

const ends: Record<string, Step> = {
  async 'is deleted, restored and gone in the end'({ run, rows, reaches, newer, fails }) {
    await run('server delete uno');
    const { ID: id } = await eventually('a deleted server', REACHED_MS, async () => {
      const list = JSON.parse(await run('server list --deleted --status SOFT_DELETED -f json')) as readonly Row[];
      return list.find((one) => one['Name'] === 'uno');
    });
    await run(`server restore ${String(id)}`);
    await reaches('uno', 'ACTIVE');
    await run('server delete --force --wait uno');
    await fails('server show uno');
    assert.equal(
      (await rows(`${newer}server list --all-projects`)).some((one) => one['Name'] === 'uno'),
      false,
    );
    await run('server delete --force --wait two');
  },

  async 'leaves nothing behind'({ run, rows, restart, fails }) {
    await run('server group delete together');
    await run('keypair delete key');
    await run('security group delete web');
    await run('image delete snapshot backup shelved-image').catch(() => '');
    await run('flavor delete small big own');
    const [last = {}] = await rows('compute service list --service nova-compute');
    // without servers a service can go, and comes back
    await run(`compute service delete ${String(last['ID'])}`);
    await fails(`compute service delete ${String(last['ID'])}`);
    await restart(String(last['Host']));
  },
};

/** All steps by what they are about, in the order in which they must go. */
export const steps: Readonly<Record<string, Step>> = { ...hosts, ...things, ...serverSteps, ...sums, ...ends };
