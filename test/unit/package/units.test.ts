// A unit that lost a line of its hardening would start as before, and nobody would notice.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { loadConfig } from '../../../src/main/config.ts';

const packaging = join(import.meta.dirname, '..', '..', '..', 'packaging');
const textOf = (...path: string[]): string => readFileSync(join(packaging, ...path), 'utf8');
const SERVICES = ['api', 'worker', 'agent', 'all'] as const;

/** Settings of a unit, by key; a key that stands twice has both values. */
function settingsOf(service: string): ReadonlyMap<string, readonly string[]> {
  const settings = new Map<string, string[]>();
  for (const line of textOf('debian', `xloud-${service}.service`).split('\n')) {
    const [, key, value] = /^([A-Z]\w+)=(.*)$/.exec(line) ?? [];
    if (key !== undefined) settings.set(key, [...(settings.get(key) ?? []), value as string]);
  }
  return settings;
}

const HARDENED = {
  NoNewPrivileges: 'yes',
  ProtectSystem: 'strict',
  ProtectHome: 'yes',
  PrivateTmp: 'yes',
  PrivateDevices: 'yes',
  ProtectClock: 'yes',
  ProtectControlGroups: 'yes',
  ProtectHostname: 'yes',
  ProtectKernelLogs: 'yes',
  ProtectKernelModules: 'yes',
  ProtectKernelTunables: 'yes',
  RestrictNamespaces: 'yes',
  RestrictRealtime: 'yes',
  RestrictSUIDSGID: 'yes',
  LockPersonality: 'yes',
  SystemCallArchitectures: 'native',
  AmbientCapabilities: '',
};

for (const service of SERVICES)
  test(`xloud-${service}: what every unit has`, () => {
    const settings = settingsOf(service);
    for (const [key, value] of Object.entries(HARDENED)) assert.deepEqual(settings.get(key), [value], key);
    // the folder above is root's: a service that owned it would take those of the others
    assert.deepEqual(settings.get('StateDirectory'), [`xloud/${service}`]);
    assert.deepEqual(settings.get('Restart'), ['always']);
    assert.deepEqual(settings.get('StartLimitIntervalSec'), ['0']);
    const [start = ''] = settings.get('ExecStart') ?? [];
    const command = service === 'all' ? 'serve' : service;
    assert.equal(
      start,
      `/usr/bin/xloud ${command} --config /etc/xloud/${service}.yaml --data-dir /var/lib/xloud/${service}`,
    );
  });

for (const service of ['api', 'worker'])
  test(`xloud-${service} has no right of root's`, () => {
    const settings = settingsOf(service);
    assert.deepEqual(settings.get('User'), ['xloud']);
    assert.deepEqual(settings.get('CapabilityBoundingSet'), ['']);
    assert.deepEqual(settings.get('SystemCallFilter'), ['@system-service', '~@privileged @resources']);
  });

for (const service of ['agent', 'all'])
  test(`xloud-${service} is root in name, for files of QEMU's user`, () => {
    const [capabilities = ''] = settingsOf(service).get('CapabilityBoundingSet') ?? [];
    assert.deepEqual(capabilities.split(' '), ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_DAC_READ_SEARCH', 'CAP_FOWNER']);
    // servers of a Nova are taken over where they are; a machine that never had one starts all the same
    assert.deepEqual(settingsOf(service).get('ReadWritePaths'), ['-/var/lib/nova/instances']);
  });

for (const service of SERVICES)
  test(`etc/${service}.yaml is a configuration, with its examples too, and has no secret`, () => {
    const text = textOf('etc', `${service}.yaml`);
    const file = join(packaging, 'etc', `${service}.yaml`);
    assert.ok(loadConfig({ file, env: {}, flags: [] }));
    const examples = parse(text.replace(/^#(?=\w+: )/gm, '')) as Record<string, Record<string, unknown>>;
    const flags = Object.entries(examples ?? {}).flatMap(([section, options]) =>
      Object.entries(options).map(([option, value]) => `${section}.${option}=${String(value)}`),
    );
    assert.ok(loadConfig({ env: {}, flags }));
    for (const secret of text.matchAll(/\/\/[\w-]+:([^@\s]+)@/g)) assert.equal(secret[1], 'PASSWORD');
  });

test('every service has all that a package of a service consists of', () => {
  const files = readdirSync(join(packaging, 'debian'));
  for (const service of SERVICES)
    for (const part of ['service', 'install', 'postinst', 'prerm', 'postrm', 'lintian-overrides'])
      assert.ok(files.includes(`xloud-${service}.${part}`), `xloud-${service}.${part}`);
  for (const service of SERVICES)
    assert.match(textOf('debian', 'control'), new RegExp(`^Package: xloud-${service}$`, 'm'));
});

test('services are restarted by one script, APIs first', () => {
  const text = textOf('debian', 'xloud-common.postinst');
  assert.match(text, /for unit in xloud-api xloud-worker xloud-agent xloud-all;/);
  for (const service of SERVICES) {
    assert.match(textOf('debian', `xloud-${service}.postinst`), /dpkg-trigger --no-await xloud-restart/);
    assert.doesNotMatch(textOf('debian', `xloud-${service}.postinst`), /restart xloud/);
  }
});

interface Composed {
  readonly image: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

const composed = () => parse(textOf('compose.yaml'), { merge: true }) as { services: Record<string, Composed> };

test('compose.yaml gives flags that its commands take, and says how each password is made', () => {
  for (const [name, { image, command = [] }] of Object.entries(composed().services)) {
    if (image !== 'xloud' || name === 'keys') continue;
    const help = execFileSync(join(packaging, '..', 'bin', 'xloud'), [name, '--help'], { encoding: 'utf8' });
    for (const flag of command.filter((word) => word.startsWith('--'))) assert.ok(help.includes(`${flag} <`), flag);
  }
  const text = textOf('compose.yaml');
  const [, made = ''] = /for name in ([A-Z ]+); do/.exec(text) ?? [];
  const named = new Set([...text.matchAll(/\$\{(\w+)_PASSWORD:/g)].map(([, one]) => one));
  assert.deepEqual(named, new Set(made.split(' ')));
});

test('what compose.yaml tells the services are options that there are', () => {
  const { services } = composed();
  for (const [name, { image, command = [], environment = {} }] of Object.entries(services)) {
    if (image !== 'xloud' || name === 'keys') continue;
    assert.equal(command[0], name);
    const env = Object.fromEntries(
      Object.entries(environment).map(([key, value]) => [key, value.replace(/\$\{\w+:[?-][^}]*\}/g, 'x')]),
    );
    assert.ok(loadConfig({ env, flags: [] }), name);
  }
});

test('what compose.yaml names of itself is there, and whoever reads the keys waits until they are made', () => {
  interface Service {
    readonly volumes?: readonly string[];
    readonly depends_on?: Record<string, { condition: string }>;
    readonly healthcheck?: object;
  }
  const { services, volumes } = parse(textOf('compose.yaml'), { merge: true }) as {
    services: Record<string, Service>;
    volumes: object;
  };
  for (const [name, { volumes: mounts = [], depends_on = {} }] of Object.entries(services)) {
    for (const mount of mounts) {
      const [source = ''] = mount.split(':');
      assert.ok(source.startsWith('/') || Object.hasOwn(volumes, source), `${name}: ${mount}`);
    }
    for (const [other, { condition }] of Object.entries(depends_on)) {
      assert.ok(Object.hasOwn(services, other), `${name} waits for ${other}`);
      if (condition === 'service_healthy') assert.ok(services[other]?.healthcheck, `${name}: health of ${other}`);
    }
    if (mounts.includes('keys:/keys:ro'))
      assert.equal(depends_on['keys']?.condition, 'service_completed_successfully', name);
  }
});
