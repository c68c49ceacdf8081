import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { loadConfig, optionProblem } from '../../../src/main/config.ts';
import { importFiles } from '../../../src/main/nova-conf/command.ts';
import { importNovaConf } from '../../../src/main/nova-conf/import.ts';
import { fates } from '../../../src/main/nova-conf/options.ts';
import { mergeNovaConf, parseNovaConf } from '../../../src/main/nova-conf/parse.ts';

const NOVA_CONF = `# of a controller
[DEFAULT]
my_ip = 10.0.0.11
debug = True
osapi_compute_listen = $my_ip
cpu_allocation_ratio=8.0
initial_cpu_allocation_ratio = 16
reserved_host_disk_mb = 1500
transport_url = rabbit://openstack:s3cret@mq1:5672,openstack:s3cret@mq2:5672/nova
allow_resize_to_same_host = true
compute_driver = libvirt.LibvirtDriver
of_a_plugin = yes

[api_database]
connection = mysql+pymysql://nova:s3cret@controller/nova_api

[keystone_authtoken]
auth_url = http://controller:5000/
username = nova
password = s3cret
project_name = service
user_domain_name = Default
project_domain_name = Services
memcached_servers = controller:11211
service_token_roles_required = true

[glance]
api_servers = http://controller:9292

[neutron]
auth_url = http://controller:5000
ovs_bridge = br-int
service_metadata_proxy = true

[placement]
auth_url = http://controller:5000
username = placement
password = s3cret

[libvirt]
virt_type = kvm
images_type = rbd
live_migration_permit_post_copy = true
live_migration_downtime = 5

[filter_scheduler]
enabled_filters = ComputeFilter,
    ImagePropertiesFilter, MyOwnFilter
ram_weight_multiplier = -1.5

[quota]
instances = 50
injected_file_path_length = 255

[pci]
alias = { "vendor_id":"8086", "product_id":"154d", "device_type":"type-PF", "name":"a1" }
alias = { "vendor_id":"10de", "product_id":"1eb8", "device_type":"type-PCI", "name":"t4" }

[vnc]
server-listen = 0.0.0.0

[notifications]
notification_format = versioned
`;

const { values, lines } = importNovaConf(parseNovaConf(NOVA_CONF));
const line = (option: string) => lines.find((one) => one.option === option);

describe('nova.conf', () => {
  it('gives what has the same meaning here', () => {
    assert.deepEqual(values['compute'], {
      host_ip: '10.0.0.11',
      cpu_allocation_ratio: 8,
      reserved_disk_gb: 2,
      allow_resize_to_same_host: 'yes',
      driver: 'libvirt',
      virt_type: 'kvm',
      live_migration_permit_post_copy: 'yes',
      live_migration_downtime: 5,
    });
    assert.deepEqual(values['api'], { host: '10.0.0.11' });
    assert.deepEqual(values['quota'], { instances: 50, injected_file_path_bytes: 255 });
    assert.deepEqual(values['image'], { service: 'glance', endpoint: 'http://controller:9292' });
    assert.deepEqual(values['placement'], { sync: 'yes' });
    assert.deepEqual(values['network'], {
      service: 'neutron',
      ovs_bridge: 'br-int',
      metadata_proxy_listen: '0.0.0.0:8775',
    });
    assert.deepEqual(values['notifications'], { url: 'amqp://openstack:s3cret@mq1:5672/nova' });
    assert.equal(values['scheduler']?.['ram_weight_multiplier'], -1.5);
    assert.deepEqual(
      (values['pci'] as { alias: { name: string }[] }).alias.map(({ name }) => name),
      ['a1', 't4'],
    );
  });

  it('has a verdict and, unless it is taken as it stands, a reason for each option', () => {
    assert.equal(lines.length, parseNovaConf(NOVA_CONF).size);
    for (const { option, verdict, why } of lines) assert.equal(why === '', verdict === 'taken', `${option}: ${why}`);
    assert.deepEqual(
      ['DEFAULT.of_a_plugin', 'libvirt.images_type', 'api_database.connection', 'vnc.server_listen'].map(
        (option) => line(option)?.verdict,
      ),
      ['unknown', 'ignored', 'ignored', 'ignored'],
    );
    assert.match(line('filter_scheduler.enabled_filters')?.why ?? '', /no MyOwnFilter/);
    assert.match(line('keystone_authtoken.project_domain_name')?.why ?? '', /by its id/);
    assert.match(line('notifications.notification_format')?.why ?? '', /the first is taken/);
    assert.match(line('DEFAULT.initial_cpu_allocation_ratio')?.why ?? '', /cpu_allocation_ratio is taken/);
  });

  it('has the images and networks of whoever has a Keystone from Glance and Neutron, whatever nova.conf says of them', () => {
    const short = importNovaConf(parseNovaConf('[keystone_authtoken]\nauth_url = http://controller:5000/v3\n'));
    assert.deepEqual(short.values, {
      identity: { auth_url: 'http://controller:5000/v3' },
      image: { service: 'glance' },
      network: { service: 'neutron' },
    });
  });

  it('speaks TLS with a broker that Nova speaks TLS with', () => {
    const urlOf = (url: string, more = '') => {
      const conf = `transport_url = ${url}\n[notifications]\nnotification_format = versioned\n${more}`;
      return importNovaConf(parseNovaConf(conf)).values['notifications']?.['url'];
    };
    assert.equal(urlOf('rabbit://a:b@mq1:5671/nova?ssl=1'), 'amqps://a:b@mq1:5671/nova');
    assert.equal(urlOf('rabbit://a:b@mq1:5671,a:b@mq2:5671?heartbeat=5&ssl=true'), 'amqps://a:b@mq1:5671');
    assert.equal(urlOf('rabbit://a:b@mq1:5671/', '[oslo_messaging_rabbit]\nssl = True\n'), 'amqps://a:b@mq1:5671');
    assert.equal(urlOf('rabbit://a:b@mq1:5672/?ssl=0'), 'amqp://a:b@mq1:5672');
  });

  it('takes what says that images are signed, and by whose certificates', () => {
    const conf = '[glance]\nverify_glance_signatures = true\n[barbican]\nbarbican_endpoint = http://b:9311\n';
    const { values: taken } = importNovaConf(parseNovaConf(conf));
    assert.deepEqual(taken['image'], { verify_signatures: 'yes', key_manager_endpoint: 'http://b:9311' });
  });

  it('leaves guests where they are', () => {
    const { values: taken } = importNovaConf(parseNovaConf('state_path = /srv\ninstances_path = $state_path/vms\n'));
    assert.deepEqual(taken['compute'], { instances_dir: '/srv/vms' });
  });

  it('is no file that never ends', () => {
    const out = { print: () => undefined, tell: () => undefined };
    assert.throws(() => importFiles(['/dev/zero'], null, out), /too long/);
  });

  it('says of credentials for neighbours that there is one user for all of them', () => {
    const conf = parseNovaConf('[neutron]\nusername = neutron\npassword = s3cret\n[glance]\nauth_type = password\n');
    for (const { option, verdict, why } of importNovaConf(conf).lines) {
      assert.equal(verdict, 'ignored', option);
      assert.match(why, /as the user of \[keystone_authtoken\]/, option);
    }
  });

  it('reads what oslo.config reads', () => {
    const conf = parseNovaConf('a = 1\na = 2\n[x]\nb: "q"\nlong = one,\n  two\n; no\n[y]\nd=${x.b}$$\n');
    assert.deepEqual(conf.get('DEFAULT.a'), ['1', '2']);
    assert.deepEqual(conf.get('x.b'), ['q']);
    assert.deepEqual(conf.get('x.long'), ['one,\ntwo']);
    assert.throws(() => parseNovaConf('[x]\nnothing'), /line 2/);
    const over = mergeNovaConf([conf, parseNovaConf('[x]\nb=z')]);
    assert.deepEqual(over.get('x.b'), ['z']);
  });

  it('does not turn in circles of names, nor fail by what is no number', () => {
    const bent = importNovaConf(
      parseNovaConf('my_ip = $host\nhost = $my_ip\ncpu_allocation_ratio = many\n[pci]\nalias = {'),
    );
    assert.deepEqual(bent.lines.find(({ option }) => option === 'DEFAULT.cpu_allocation_ratio')?.verdict, 'ignored');
    assert.match(bent.lines.find(({ option }) => option === 'DEFAULT.my_ip')?.why ?? '', /circle/);
    assert.equal(bent.values['compute'], undefined);
    assert.equal(bent.lines.find(({ option }) => option === 'pci.alias')?.verdict, 'ignored');
  });

  it('names options that there are', () => {
    const samples = ['1', 'true', 'default', 'rabbit://a:b@c/', 'versioned', 'libvirt', 'qemu', '{}'];
    let named = 0;
    for (const [option, fate] of Object.entries(fates)) {
      if (typeof fate === 'string') continue;
      for (const text of samples) {
        const given = { text, values: [text], list: [text], isTrue: text === 'true', other: () => 'rabbit://a:b@c/' };
        let outcome;
        try {
          outcome = fate(given);
        } catch {
          continue;
        }
        if ('ignored' in outcome) continue;
        for (const path of Object.keys(outcome.set)) {
          const [section, name] = path.split('.') as [string, string];
          named += 1;
          assert.doesNotMatch(optionProblem(section, name, '') ?? '', /there is no option/, `${option} -> ${path}`);
        }
      }
    }
    assert.ok(named > 100);
  });
});

describe('xloud config import', () => {
  const dir = mkdtempSync(join(tmpdir(), 'xloud-nova-conf-'));
  after(() => rmSync(dir, { recursive: true, force: true }));
  const run = (text: string, output: string | null) => {
    const [file, printed, told] = [join(dir, 'nova.conf'), [] as string[], [] as string[]];
    writeFileSync(file, text);
    importFiles([file], output, { print: (one) => printed.push(one), tell: (one) => told.push(one) });
    return { printed: printed.join('\n'), told: told.join('\n') };
  };

  it('writes what this program starts with, for its owner alone, and tells no secret', () => {
    const output = join(dir, 'xloud.yaml');
    const { told } = run(NOVA_CONF, output);
    const config = loadConfig({ file: output });
    assert.equal(config.identity.password, 's3cret');
    assert.equal(statSync(output).mode & 0o777, 0o600);
    assert.doesNotMatch(told, /s3cret/);
    assert.match(told, /\[libvirt\] images_type: disks are qcow2 files, never rbd/);
    // out of this program's bounds: named, and not written
    assert.match(told, /\[libvirt\] live_migration_downtime: .*between/);
    assert.doesNotMatch(readFileSync(output, 'utf8'), /live_migration_downtime/);
    assert.throws(() => run(NOVA_CONF, output), /exists, and is not overwritten/);
  });

  it('says which file is no nova.conf', () => {
    assert.throws(() => run('[DEFAULT]\n<xml/>', null), /nova\.conf: line 2/);
    const out = { print() {}, tell() {} };
    assert.throws(() => importFiles([join(dir, 'none')], null, out), /none: there is no such file$/);
  });

  it('takes no long time for names of names, and goes on with the rest', () => {
    const levels = Array.from({ length: 8 }, (_, at) => `a${at} = ${`$a${at + 1}`.repeat(20)}`);
    for (const last of ['', 'xxxxxxxxxx']) {
      const { printed, told } = run(`[DEFAULT]\n${levels.join('\n')}\na8 = ${last}\nmy_ip = $a0\nhost = n1\n`, null);
      assert.match(told, /\[DEFAULT\] my_ip: cannot be read: it names too much/);
      assert.match(printed, /host: n1/);
    }
  });

  it('tells of sections that are called like what every object has', () => {
    const { told } = run('[constructor]\na = 1\n[__proto__]\nb = 1\n[toString]\nc = 1\n', null);
    assert.match(told, /not known here \(3\):\n {2}\[constructor\] a\n {2}\[__proto__\] b\n {2}\[toString\] c/);
  });

  it('tells nothing of what stands where it should not, and lets no name speak to a terminal', () => {
    const { told } = run(
      '[DEFAULT]\ncpu_allocation_ratio = ${database.connection}\n[database]\nconnection = hunter2\n[pci]\nalias = {"name": hunter2}\n[x]\n\u001b[31mred = 1',
      null,
    );
    assert.doesNotMatch(told, /hunter2/);
    assert.match(told, /\[x\] \?\[31mred/);
    assert.throws(
      () => run('[DEFAULT]\nhunter2', null),
      (error: Error) => /line 2/.test(error.message) && !/hunter2/.test(error.message),
    );
  });
});
