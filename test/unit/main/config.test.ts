import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parse } from 'yaml';
import { checkConfig } from '../../../src/main/config-check.ts';
import { loadConfig, sampleConfig, schema } from '../../../src/main/config.ts';
import { checkOperators } from '../../../src/main/operators.ts';
import { readOffers } from '../../../src/main/offers.ts';
import { readReach } from '../../../src/main/reach.ts';

describe('services that an operator has', () => {
  const check = (...flags: string[]) => checkOperators(loadConfig({ flags }));
  const keystone = 'identity.auth_url=http://127.0.0.1:5000';

  it('want his Keystone, and networks an engine of their own', () => {
    check();
    check('image.service=glance', 'network.service=neutron', keystone);
    assert.throws(() => check('image.service=glance'), /identity\.auth_url: the image service needs a token/);
    assert.throws(() => check('network.service=neutron'), /identity\.auth_url: the network service needs a token/);
    for (const option of ['placement.sync=yes', 'placement.endpoint=http://placement:8778'])
      assert.throws(() => check(option), /identity\.auth_url: the placement service needs a token/);
    check('placement.endpoint=http://placement:8778', 'placement.sync=no');
    const engine = /network\.engine: it belongs to the built-in service/;
    assert.throws(() => check('network.service=neutron', 'network.engine=ovn', keystone), engine);
  });
});

describe('`xloud config check`', () => {
  const check = (...flags: string[]) => checkConfig(loadConfig({ flags }));

  it('finds what each start would find', () => {
    check();
    assert.throws(() => check('image.service=glance'), /identity\.auth_url: /);
    assert.throws(() => check('api.forwarded_headers=forwarded, x-forwarded-host'), /api\.forwarded_headers: /);
    assert.throws(() => check('compute.traits=HW_CPU_X86_AVX'), /compute\.traits: /);
    assert.throws(() => check('compute.cpu_dedicated_set=1-3', 'compute.cpu_shared_set=3'), /cpu_dedicated_set: /);
    assert.throws(() => check('compute.reserved_huge_pages=64'), /reserved_huge_pages: /);
    assert.throws(() => check('pci.device_spec={"address":"zz:00.0"}'), /pci\.device_spec: /);
    assert.throws(() => check('pci.alias={"name":"a:b","vendor_id":"10de","product_id":"1db6"}'), /pci\.alias: /);
    assert.throws(() => check('novacron.loopback_project=p'), /novacron\.loopback_project: /);
    assert.throws(() => check('compute.cloud_init_templates=/nowhere'), /compute\.cloud_init_templates: /);
  });
});

describe('addresses of brokers', () => {
  const refused = (flag: string, why: RegExp) => assert.throws(() => loadConfig({ flags: [flag] }), why, flag);

  it('name RabbitMQ, one for notifications, several for the bus', () => {
    const several = 'amqps://x:secret@r1:5671/,amqps://x:secret@r2:5671/';
    assert.equal(loadConfig({ flags: [`bus.url=${several}`] }).bus.url, several);
    assert.ok(loadConfig({ flags: ['notifications.url=amqp://x:secret@r1:5672/%2Fnova'] }));
    for (const option of ['bus.url', 'notifications.url']) {
      refused(`${option}=rabbit://x:secret@r1:5672/`, /: rabbit:\/\/ is the syntax of oslo\.messaging: use amqp:\/\//);
      refused(`${option}=https://x:secret@r1`, /\(a secret\): only RabbitMQ is supported, over AMQP$/);
      refused(`${option}=amqp://x:sec/ret@r1`, /: it cannot be parsed: .*%2F/);
    }
    refused('bus.url=amqp://r1,r2', /several with commas between, is wanted/);
  });
});

describe('what operators say of hosts', () => {
  const read = (...flags: string[]) => readOffers(loadConfig({ flags }).compute);

  it('is names that begin with CUSTOM_', () => {
    assert.deepEqual(read('compute.traits=CUSTOM_GOLD, CUSTOM_FAST').traits, ['CUSTOM_GOLD', 'CUSTOM_FAST']);
    assert.throws(() => read('compute.traits=HW_CPU_X86_AVX'), /compute\.traits: HW_CPU_X86_AVX: CUSTOM_/);
    assert.throws(() => read('compute.resources=VCPU=4'), /compute\.resources: VCPU: CUSTOM_/);
  });

  it('is amounts, as a map or as text', () => {
    const wanted = { CUSTOM_SEAT: 4, CUSTOM_KEY: 0 };
    assert.deepEqual(read('compute.resources=CUSTOM_SEAT=4, CUSTOM_KEY=0').resources, wanted);
    const dir = mkdtempSync(join(tmpdir(), 'xloud-offers-'));
    const file = join(dir, 'xloud.yaml');
    writeFileSync(file, 'compute:\n  resources: {CUSTOM_SEAT: 4, CUSTOM_KEY: 0}\n');
    assert.deepEqual(loadConfig({ file }).compute.resources, wanted);
    rmSync(dir, { recursive: true });
    for (const odd of ['CUSTOM_SEAT', 'CUSTOM_SEAT=', 'CUSTOM_SEAT=-1', 'CUSTOM_SEAT=1.5', 'CUSTOM_SEAT=many']) {
      assert.throws(() => read(`compute.resources=${odd}`), /CUSTOM_SEAT: a whole number is wanted/, odd);
    }
  });
});

describe('addresses of networks', () => {
  it('are whole ones, and ranges have a prefix', () => {
    const read = (flag: string) => loadConfig({ flags: [`network.${flag}`] }).network;
    assert.deepEqual(read('tenant_ranges=10.0.0.0/8, fd00::/8').tenant_ranges, ['10.0.0.0/8', 'fd00::/8']);
    assert.deepEqual(read('dns_servers=10.0.0.1, fd00::1').dns_servers, ['10.0.0.1', 'fd00::1']);
    for (const odd of [
      'tenant_ranges=10.1',
      'tenant_ranges=10.0.0.1',
      'tenant_ranges=10.1/16',
      'dns_servers=dns',
      'dns_servers=10.1',
    ]) {
      assert.throws(() => read(odd), /network\.(tenant_ranges|dns_servers)\b.* such as /, odd);
    }
  });
});

describe('the headers of proxies', () => {
  const read = (...flags: string[]) => readReach(loadConfig({ flags }).api).forwardedHeaders;

  it('are those of one family, which nobody but the proxy sets', () => {
    assert.deepEqual(read(), ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-prefix']);
    const own = ['forwarded', 'x-forwarded-prefix'];
    assert.deepEqual(read(`api.forwarded_headers=${own.join(', ')}`), own);
    assert.throws(
      () => read('api.forwarded_headers=forwarded, x-forwarded-host'),
      /api\.forwarded_headers: .*not both/,
    );
    assert.throws(() => read('api.forwarded_headers=x-real-ip'), /api\.forwarded_headers: one of forwarded, /);
  });
});

describe('devices', () => {
  const dir = mkdtempSync(join(tmpdir(), 'xloud-devices-'));
  const file = join(dir, 'xloud.yaml');
  after(() => rmSync(dir, { recursive: true }));
  const gpu = { name: 'gpu', vendor_id: '10de', product_id: '1db6' };

  it('are records, as YAML or as text, one or several', () => {
    writeFileSync(file, 'pci:\n  alias:\n    - {name: gpu, vendor_id: "10de", product_id: "1db6"}\n');
    assert.deepEqual(loadConfig({ file }).pci.alias, [gpu]);
    assert.deepEqual(loadConfig({ env: { XLOUD_PCI__ALIAS: JSON.stringify(gpu) } }).pci.alias, [gpu]);
    assert.deepEqual(loadConfig({ flags: ['pci.device_spec=[{"address":"*:0a:00.*"},{}]'] }).pci.device_spec, [
      { address: '*:0a:00.*' },
      {},
    ]);
    assert.deepEqual(loadConfig({ env: { XLOUD_PCI__ALIAS: '' } }).pci.alias, []);
  });

  const refusals: readonly [title: string, value: string, message: RegExp][] = [
    ['a field that there is not', '{"vendor":"10de"}', /pci\.alias: vendor: there is no such field \(name, vendor_id/],
    ['a number for a text', '{"name":"gpu","vendor_id":443}', /vendor_id: a text \(in quotes\) is wanted, not 443/],
    ['what has not the form', '{"vendor_id":"10dx"}', /vendor_id: "10dx" is not four hexadecimal digits/],
    [
      'no choice of ours',
      '{"device_type":"GPU"}',
      /device_type: one of type-PCI, type-PF, type-VF is wanted, not "GPU"/,
    ],
    ['what lacks a field', '{"name":"gpu"}', /vendor_id is missing in \{"name":"gpu"\}/],
    ['what is no record', '["gpu"]', /a map of fields is wanted, not "gpu"/],
    ['what is no JSON', 'gpu', /a list of records, or its JSON, is wanted, not "gpu"/],
  ];
  for (const [title, value, message] of refusals) {
    it(`refuse ${title} and name it`, () => {
      assert.throws(() => loadConfig({ flags: [`pci.alias=${value}`] }), { code: 'config', message });
    });
  }
});

describe('configuration', () => {
  const dir = mkdtempSync(join(tmpdir(), 'xloud-config-'));
  const file = join(dir, 'xloud.yaml');
  after(() => rmSync(dir, { recursive: true }));

  it('has a default for everything', () => {
    const config = loadConfig();
    assert.equal(config.api.host, '127.0.0.1');
    assert.equal(config.api.port, 8774);
  });

  it('puts the environment over the file and flags over both', () => {
    writeFileSync(file, 'api:\n  port: 1\n  page_size: 5\nlog:\n  level: debug\n');
    const config = loadConfig({
      file,
      env: { XLOUD_API__PORT: '2', XLOUD_LOG__LEVEL: 'warn', HOME: '/' },
      flags: ['api.port=3'],
    });
    assert.equal(config.api.port, 3);
    assert.equal(config.api.page_size, 5);
    assert.equal(config.log.level, 'warn');
  });

  const refusals: readonly [title: string, yaml: string, message: RegExp][] = [
    ['an unknown option', 'api:\n  prot: 1\n', /xloud\.yaml: api\.prot: there is no such option/],
    ['an unknown section', 'apis:\n  port: 1\n', /apis\.port: there is no such option/],
    ['text for a number', 'api:\n  port: many\n', /api\.port: a number is wanted, not "many"/],
    ['a fraction for a whole number', 'api:\n  port: 1.5\n', /api\.port: a whole number is wanted/],
    ['a number out of range', 'api:\n  port: 70000\n', /api\.port: 70000 is not between 0 and 65535/],
    [
      'no choice of ours',
      'compute:\n  driver: xen\n',
      /compute\.driver: one of auto, libvirt, fake is wanted, not "xen"/,
    ],
    ['what is not YAML', 'api: [', /configuration: .*xloud\.yaml/],
    ['a list at the top', '- api\n', /sections with options are wanted/],
  ];
  for (const [title, yaml, message] of refusals) {
    it(`refuses ${title} and names it`, () => {
      writeFileSync(file, yaml);
      assert.throws(() => loadConfig({ file }), { message });
    });
  }

  it('refuses a missing file and an unknown variable', () => {
    assert.throws(() => loadConfig({ file: join(dir, 'none.yaml') }), /no such file/);
    assert.throws(() => loadConfig({ env: { XLOUD_API__PROT: '1' } }), /XLOUD_API__PROT: there is no such option/);
  });

  it('gives a sample whose options, uncommented, load to the defaults', () => {
    const uncommented = sampleConfig().replace(/^ {2}# (\w+: .*)$/gm, (line, option: string) =>
      /^[a-z_]+: /.test(option) ? `  ${option}` : line,
    );
    writeFileSync(file, uncommented);
    const keysOf = (sections: object) =>
      Object.entries(sections).map(([name, options]) => [name, Object.keys(options)]);
    assert.deepEqual(keysOf(parse(uncommented) as object), keysOf(schema));
    assert.deepEqual(loadConfig({ file }), loadConfig());
  });
});
