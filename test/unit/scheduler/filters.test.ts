import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { limits } from '../../../src/base/limits.ts';
import type { Candidate } from '../../../src/domain/placement/hosts.ts';
import { defaultFilters, type FilterName, filters, missingFilter } from '../../../src/scheduler/index.ts';
import { requirement } from '../../../src/scheduler/requirements.ts';
import { defaultSettings, type FilterSettings, type PlacementSpec } from '../../../src/scheduler/spec.ts';
import { aFlavor, aHost, aPlacement, NOW_MS } from '../../support/samples.ts';

type Answer = (
  host: Candidate,
  placement?: Partial<PlacementSpec>,
  settings?: Partial<FilterSettings>,
) => string | null;

/** What a filter says of a host; null: it takes the server. */
const asking =
  (name: FilterName): Answer =>
  (host, placement = {}, settings = {}) => {
    const context = { nowMs: NOW_MS, hostDownMs: 60_000, settings: { ...defaultSettings, ...settings } };
    return filters[name].prepare(aPlacement(placement), context)?.(host) ?? null;
  };

const labelled = (labels: Readonly<Record<string, readonly string[]>>): Candidate =>
  aHost('h1', { labels: new Map(Object.entries(labels).map(([key, values]) => [key, new Set(values)])) });

const specs = (extraSpecs: Readonly<Record<string, string>>) => ({ flavor: aFlavor({ extraSpecs }) });

describe('requirements', () => {
  const cases: readonly (readonly [text: string, met: readonly string[], unmet: readonly string[]])[] = [
    ['ssd', ['ssd'], ['SSD', 'ssd2', '']],
    ['= 4', ['4', '5', ' 4.0 '], ['3', 'x', '']],
    ['>= 4', ['4', '10'], ['3.9', 'x', '']],
    ['<= 4', ['4', '-1'], ['4.1', 'x']],
    ['== 4', ['4', '4.0'], ['5', 'x']],
    ['!= 4', ['5'], ['4.0', 'x']],
    ['s== intel', ['intel'], ['amd']],
    ['s!= intel', ['amd'], ['intel']],
    ['s< b', ['a'], ['b', 'c']],
    ['s<= b', ['a', 'b'], ['c']],
    ['s> b', ['c'], ['a', 'b']],
    ['s>= b', ['b', 'c'], ['a']],
    ['<in> avx', ['avx', 'sse avx2'], ['sse', '']],
    ['<all-in> aes mmx', ["['aes', 'mmx']"], ["['aes']"]],
    ['<or> a <or> b', ['a', 'b'], ['c', '<or>']],
    ['<or> a', ['a'], ['b']],
    ['>=', [], ['4']],
    ['<or>', [], ['', '<or>']],
    ['toString x', ['toString x'], ['x']],
    ['', [''], ['a']],
  ];
  for (const [text, met, unmet] of cases) {
    it(`'${text}'`, () => {
      for (const value of met) assert.ok(requirement(text)(value), `${value} meets it`);
      for (const value of unmet) assert.ok(!requirement(text)(value), `${value} does not meet it`);
    });
  }
});

describe('the filter of the memory method', () => {
  it('asks a host that has no virtio-mem only where the flavor wants it', () => {
    const ask = asking('MemoryMethodFilter');
    const able = aHost('h1');
    const { inventory } = able;
    const capabilities = { ...inventory.facts.capabilities, memoryMethods: ['balloon'] as const };
    const unable = aHost('h2', { inventory: { ...inventory, facts: { ...inventory.facts, capabilities } } });
    const wanted = specs({ 'xloud:memory_method': 'virtio-mem' });
    assert.equal(ask(able, wanted), null);
    assert.equal(ask(unable, wanted), 'cannot give memory by virtio-mem');
    assert.equal(ask(unable, specs({ 'xloud:memory_method': 'balloon' })), null);
    assert.equal(ask(unable), null);
    assert.ok(filters.MemoryMethodFilter.binding, 'also of a host that was forced');
  });
});

describe('filters of aggregates', () => {
  it('extra specs are met by metadata of the same key; the minimum and other namespaces ask nothing', () => {
    const ask = asking('AggregateInstanceExtraSpecsFilter');
    const host = labelled({ ssd: ['true'], speed: ['3', '7'] });
    assert.equal(ask(aHost('h1'), specs({ minimum_cpu: '1', minimum_memory: '256', 'hw:cpu_policy': 'shared' })), null);
    assert.equal(ask(host, specs({ ssd: 'true', 'aggregate_instance_extra_specs:speed': '>= 5' })), null);
    assert.equal(ask(host, specs({ ssd: 'false' })), 'is in no aggregate with ssd false');
    assert.equal(
      ask(host, specs({ 'aggregate_instance_extra_specs:speed': '>= 8' })),
      'is in no aggregate with speed >= 8',
    );
    assert.equal(ask(aHost('h1'), specs({ ssd: 'true' })), 'is in no aggregate with ssd true');
  });

  it('images are compared where both sides say something, within the namespace', () => {
    const ask = asking('AggregateImagePropertiesIsolation');
    const host = labelled({ os_distro: ['windows', 'debian'], 'iso.kind': ['a'] });
    assert.equal(ask(host, { imageProperties: {} }), null);
    assert.equal(ask(host, { imageProperties: { os_distro: 'debian', other: 'x' } }), null);
    assert.match(ask(host, { imageProperties: { os_distro: 'arch' } }) ?? '', /os_distro/);
    const inNamespace = { imageIsolationNamespace: 'iso' };
    assert.equal(ask(host, { imageProperties: { os_distro: 'arch' } }, inNamespace), null);
    assert.match(ask(host, { imageProperties: { 'iso.kind': 'b' } }, inNamespace) ?? '', /iso\.kind/);
  });

  it('projects are kept apart', () => {
    const ask = asking('AggregateMultiTenancyIsolation');
    const host = labelled({ filter_tenant_id: ['p1', 'p2'], filter_tenant_id2: ['p3'] });
    for (const projectId of ['p1', 'p3']) assert.equal(ask(host, { projectId }), null);
    assert.equal(ask(host, { projectId: 'p4' }), 'is kept for other projects');
    assert.equal(ask(labelled({ ssd: ['true'] }), { projectId: 'p4' }), null);
  });

  it('flavors are kept apart by name', () => {
    const ask = asking('AggregateTypeAffinityFilter');
    const host = labelled({ instance_type: ['small', 'elastic'] });
    assert.equal(ask(host), null);
    assert.equal(ask(host, { flavor: aFlavor({ name: 'large' }) }), 'is kept for other flavors');
    assert.equal(ask(aHost('h1'), { flavor: aFlavor({ name: 'large' }) }), null);
  });

  it('bounds hold, and aggregates set others; a word that is no number sets none', () => {
    const busy = { ioOps: 8, runningVms: 50 };
    assert.equal(asking('IoOpsFilter')(aHost('h1', busy)), 'has 8 servers under way (8 at most)');
    assert.equal(asking('IoOpsFilter')(aHost('h1', { ioOps: 7 })), null);
    assert.equal(asking('IoOpsFilter')(aHost('h1', busy), {}, { maxIoOpsPerHost: 9 }), null);
    assert.equal(asking('NumInstancesFilter')(aHost('h1', busy)), 'has 50 servers (50 at most)');
    const ask = asking('AggregateNumInstancesFilter');
    const bound = (...values: string[]) => ({ ...labelled({ max_instances_per_host: values }), ...busy });
    assert.equal(ask(bound('60', '70')), null);
    assert.equal(ask(bound('60', '50')), 'has 50 servers (50 at most)');
    assert.equal(ask(bound('many')), 'has 50 servers (50 at most)');
    const ioBound = { ...labelled({ max_io_ops_per_host: ['10'] }), ...busy };
    assert.equal(asking('AggregateIoOpsFilter')(ioBound), null);
  });
});

describe('filters of hosts', () => {
  it('capabilities are compared with what flavors ask', () => {
    const ask = asking('ComputeCapabilitiesFilter');
    const host = aHost('h1');
    const cpu = { ...host.inventory.facts.cpu, features: ['aes', 'avx2'] };
    const able = { ...host, inventory: { ...host.inventory, facts: { ...host.inventory.facts, cpu } } };
    assert.equal(
      ask(able, specs({ 'capabilities:cpu_info:features': '<in> avx2', hypervisor_type: 's== fake' })),
      null,
    );
    assert.equal(ask(able, specs({ 'capabilities:free_ram_mb': '>= 32768' })), null);
    assert.equal(ask(able, specs({ 'capabilities:free_ram_mb': '>= 32769' })), 'has free_ram_mb 32768, not >= 32769');
    assert.match(ask(host, specs({ 'capabilities:cpu_info:features': '<in> avx2' })) ?? '', /^has cpu_info:features/);
    assert.equal(ask(host, specs({ 'capabilities:nothing': 'x' })), 'says nothing of nothing');
    assert.equal(ask(host, specs({ 'capabilities:constructor': 'x' })), 'says nothing of constructor');
    assert.equal(ask(host, specs({ nothing: 'x', 'hw:cpu_policy': 'dedicated', minimum_cpu: '1' })), null);
    assert.match(ask(host, specs({ 'hw:maxphysaddr_bits': '46' })) ?? '', /^says nothing of cpu_info:maxphysaddr/);
  });

  it('images may ask for versions of the hypervisor', () => {
    const ask = asking('ImagePropertiesFilter');
    const host = aHost('h1');
    const at = (hypervisorVersion: number) => ({ ...host, inventory: { ...host.inventory, hypervisorVersion } });
    const needs = (hypervisorVersion: string) => ({ image: { ...aPlacement().image, hypervisorVersion } });
    for (const text of ['>=8.2', '>= 8.2.1, <9', '==8.2.1', '!=8.2.0', '<8.10', '>8.2']) {
      assert.equal(ask(at(8_002_001), needs(text)), null, text);
    }
    for (const text of ['<8.2.1', '>8.2.1', '==8.2', '>=8.2.1,<8.2.1']) {
      assert.equal(ask(at(8_002_001), needs(text)), `has no hypervisor of version ${text}`);
    }
    for (const text of ['8.2', '>=x', '', '>=8,']) {
      assert.equal(ask(at(8_002_001), needs(text)), `cannot be compared with the versions ${text}`);
    }
  });

  it('servers go where others are, or are not', () => {
    const sameHost = new Set(['h1', 'h2']);
    assert.equal(asking('SameHostFilter')(aHost('h1'), { sameHost }), null);
    assert.notEqual(asking('SameHostFilter')(aHost('h3'), { sameHost }), null);
    assert.equal(asking('DifferentHostFilter')(aHost('h3'), { differentHost: sameHost }), null);
    assert.notEqual(asking('DifferentHostFilter')(aHost('h1'), { differentHost: sameHost }), null);
    for (const name of ['SameHostFilter', 'DifferentHostFilter'] as const)
      assert.equal(asking(name)(aHost('h1')), null);
  });

  it('hosts are near an address or not', () => {
    const ask = asking('SimpleCIDRAffinityFilter');
    const at = (hostIp: string) => {
      const host = aHost('h1');
      return { ...host, inventory: { ...host.inventory, hostIp } };
    };
    const near = (build_near_host_ip: string, cidr?: string) => ({
      hints: { build_near_host_ip, ...(cidr === undefined ? {} : { cidr }) },
    });
    assert.equal(ask(at('10.1.2.9')), null);
    assert.equal(ask(at('10.1.2.9'), near('10.1.2.3')), null);
    assert.equal(ask(at('10.1.3.9'), near('10.1.2.3')), 'is not in the network 10.1.2.3/24');
    assert.equal(ask(at('10.1.3.9'), near('10.1.2.3', '/16')), null);
    assert.equal(ask(at('10.1.3.9'), near('10.1.2.3', '/255.255.0.0')), null);
    assert.equal(ask(at('10.1.3.9'), { hints: { build_near_host_ip: ['10.1.2.3'], cidr: ['/16'] } }), null);
    assert.equal(ask(at('fd00::9'), near('fd00::1', '/64')), null);
    assert.notEqual(ask(at('10.1.3.9'), near('fd00::1', '/64')), null);
    assert.notEqual(ask(at(''), near('10.1.2.3')), null);
    assert.match(ask(at('10.1.2.9'), near('10.1.2.3', '/99')) ?? '', /no network$/);
  });

  it('some hosts are set apart for some images', () => {
    const ask = asking('IsolatedHostsFilter');
    const apart = { isolatedHosts: ['h1'], isolatedImages: ['image'] };
    const image = { imageId: 'image' };
    assert.equal(ask(aHost('h1'), image, apart), null);
    assert.equal(ask(aHost('h2'), image, apart), 'is not set apart for the image');
    assert.equal(ask(aHost('h1'), {}, apart), 'is set apart for certain images');
    assert.equal(ask(aHost('h2'), {}, apart), null);
    const lenient = { ...apart, restrictIsolatedHosts: false };
    assert.equal(ask(aHost('h1'), {}, lenient), null);
    assert.notEqual(ask(aHost('h2'), image, lenient), null);
    assert.equal(ask(aHost('h1'), {}), null);
    assert.notEqual(ask(aHost('h1'), {}, { isolatedHosts: ['h1'] }), null);
  });

  it('a strict policy needs its filter', () => {
    assert.equal(missingFilter('affinity'), null);
    assert.equal(missingFilter('affinity', ['ComputeFilter']), 'ServerGroupAffinityFilter');
    assert.equal(missingFilter('anti-affinity', ['ServerGroupAffinityFilter']), 'ServerGroupAntiAffinityFilter');
    assert.equal(missingFilter('soft-affinity', []), null);
  });

  it('stand in the order in which they are asked', () => {
    assert.deepEqual(defaultFilters.slice(0, 2), ['ComputeFilter', 'AvailabilityZoneFilter']);
    assert.ok(!defaultFilters.includes('JsonFilter'));
  });
});

describe('the query of JsonFilter', () => {
  const ask = (query: unknown, host = aHost('h1', { runningVms: 3 })) =>
    asking('JsonFilter')(host, { hints: { query: typeof query === 'string' ? query : JSON.stringify(query) } });
  const REFUSED = 'does not answer to the query';

  for (const query of [
    [],
    ['>=', '$free_ram_mb', 1024],
    ['and', ['>=', '$free_ram_mb', 1024], ['=', '$hypervisor_type', 'fake']],
    ['or', ['<', '$free_ram_mb', 1], ['in', '$host', 'h0', 'h1']],
    ['not', ['=', '$num_instances', 4]],
    ['<=', '$num_instances', 3, 4],
    ['>', '$cpu_info.topology.cores', 15],
    ['=', '$cpu_info.model', 'fake'],
    ['and', ['not', ['=', 1, 1]]],
  ]) {
    it(`takes the host for ${JSON.stringify(query)}`, () => assert.equal(ask(query), null));
  }
  for (const query of [
    ['>=', '$free_ram_mb', 999_999],
    ['and', ['>=', '$free_ram_mb', 1], ['=', '$host', 'h2']],
    ['=', '$nothing', 1],
    ['=', '$host'],
    ['not', ['=', '$num_instances', 3]],
    ['<', '$host', 3],
    ['=', '$num_instances', '3'],
    ['=', '$cpu_info.nothing.more', 'x'],
  ]) {
    it(`refuses it for ${JSON.stringify(query)}`, () => assert.equal(ask(query), REFUSED));
  }
  for (const query of [
    '{',
    '"host"',
    '{"=": 1}',
    '["constructor", 1]',
    '["~", 1]',
    '[["=", 1, 1]]',
    `${'["not",'.repeat(99)}1${']'.repeat(99)}`,
  ]) {
    it(`does not understand ${query.slice(0, 20)}`, () => assert.match(ask(query) ?? '', /not understood$/));
  }

  it('goes as far as its bounds, and no further', () => {
    const { hostQueryDepth: deep, hostQueryCharacters: long } = limits;
    const nested = (depth: number) => `${'["and",'.repeat(depth)}1${']'.repeat(depth)}`;
    const padded = (length: number) => nested(1).padEnd(length);
    for (const query of [nested(deep), padded(long)]) assert.equal(ask(query), null);
    for (const query of [nested(deep + 1), padded(long + 1)]) assert.match(ask(query) ?? '', /not understood$/);
  });

  it('is not asked where there is none', () => {
    assert.equal(asking('JsonFilter')(aHost('h1'), { hints: {} }), null);
    assert.match(asking('JsonFilter')(aHost('h1'), { hints: { query: { a: 1 } } }) ?? '', /not understood$/);
    assert.match(ask(['or', ...Array.from({ length: 3_000 }, () => 1)]) ?? '', /not understood$/);
  });
});

describe('filters of traits', () => {
  const inventory = aHost('h1').inventory;
  const has = (...traits: string[]) =>
    aHost('h1', { inventory: { ...inventory, facts: { ...inventory.facts, traits } } });

  it('flavors require and forbid, images require', () => {
    const ask = asking('TraitsFilter');
    assert.equal(ask(has()), null);
    const fast = specs({ 'trait:CUSTOM_FAST': 'required', 'trait1:CUSTOM_OLD': 'forbidden' });
    assert.equal(ask(has('CUSTOM_FAST'), fast), null);
    assert.equal(ask(has(), fast), 'has no trait CUSTOM_FAST');
    assert.equal(ask(has('CUSTOM_FAST', 'CUSTOM_OLD'), fast), 'has the forbidden trait CUSTOM_OLD');
    const image = { imageProperties: { 'trait:CUSTOM_GPU': 'required', 'trait:CUSTOM_FAST': 'forbidden' } };
    assert.equal(ask(has('CUSTOM_GPU', 'CUSTOM_FAST'), { ...fast, ...image }), null);
    assert.equal(ask(has('CUSTOM_FAST'), { ...fast, ...image }), 'has no trait CUSTOM_GPU');
  });

  it('hosts are kept for what they are, where that is asked for', () => {
    const ask = asking('TraitIsolationFilter');
    const host = labelled({ 'trait:CUSTOM_GPU': ['required'], 'trait:CUSTOM_FAST': ['x'] });
    assert.equal(ask(host), null);
    const on = { isolatedAggregates: true };
    assert.equal(ask(host, {}, on), 'is kept for servers that require CUSTOM_GPU');
    assert.equal(ask(host, specs({ 'trait:CUSTOM_GPU': 'required' }), on), null);
    assert.equal(ask(host, { imageProperties: { 'trait:CUSTOM_GPU': 'required' } }, on), null);
    assert.notEqual(ask(host, specs({ 'trait:CUSTOM_GPU': 'forbidden' }), on), null);
    assert.equal(ask(aHost('h1'), {}, on), null);
  });
});
