// Whatever comes, the API answers in its own words: bytes that are no JSON, nesting without end, strange keys, broken Unicode, to
// any route at any version. And what is accepted as a name or as metadata is stored as it was, and breaks no guest's definition.
// Other runs: XLOUD_FUZZ_SEED=n, and XLOUD_FUZZ_RUNS=n for so many times as many.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DOMParser } from '@xmldom/xmldom';
import fc from 'fast-check';
import { computeRoutes } from '../../src/api/compute/index.ts';
import type { GuestSpec } from '../../src/domain/servers/guests.ts';
import { domainXml } from '../../src/virt/libvirt/config.ts';
import { engines } from '../support/database.ts';
import type { Answer } from '../support/http.ts';
import { ELASTIC, PLAIN, type Servers, startServers } from '../support/servers.ts';

const seed = Number(process.env['XLOUD_FUZZ_SEED'] ?? 7);
const times = Number(process.env['XLOUD_FUZZ_RUNS'] ?? 1);
/** Servers are made for real, so there are fewer. */
const runs = {
  sqlite: { requests: 800 * times, servers: 40 * times },
  mysql: { requests: 150 * times, servers: 12 * times },
} as const;

const routes = [
  ...new Map(
    computeRoutes.map(({ method, path, since = '2.1' }) => [`${method} ${path}`, { method, path, since }]),
  ).values(),
];
const ids = ['any', 'none', '1', '0', '-1', '99999999999999999999', '7d9dc71e-0a4c-4a0f-9c0e-1f1a6b8ec111', 'a%2Fb'];

const anyBytes = fc.uint8Array({ maxLength: 40 });
const escaped = anyBytes.map((bytes) => Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''));
const utf16 = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 })
  .map((codes) => String.fromCharCode(...codes));
const anyText = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), utf16);

const strange: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, '', 0, -1, 1e308, -1e308, 2 ** 53, 0.1, [], {}, [[]], '\u0000', '\ud800', '😀'),
  fc.constantFrom<unknown>(JSON.parse('{"__proto__": {"isAdmin": true}}'), { constructor: { prototype: {} } }),
  anyText,
  fc.jsonValue({ noUnicodeString: false }),
);
const words = [
  ...['server', 'name', 'flavorRef', 'imageRef', 'networks', 'metadata', 'min_count', 'tags', 'user_data', 'hostname'],
  ...['os-start', 'os-stop', 'reboot', 'type', 'os-getConsoleOutput', 'length', 'addTenantAccess', 'tenant', 'keypair'],
  ...['public_key', 'flavor', 'ram', 'vcpus', 'disk', 'id', 'extra_specs', 'current_vcpus', 'current_memory_mb'],
  ...['persist', 'host', 'binary', 'status', 'forced_down', '__proto__', 'constructor', 'toString', 'hasOwnProperty'],
];
const anyObject: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  object: fc.dictionary(fc.oneof(fc.constantFrom(...words), anyText), tie('value'), { maxKeys: 4 }),
  value: fc.oneof({ maxDepth: 3 }, strange, tie('object'), fc.array(tie('value'), { maxLength: 3 })),
})).object;

const nested = fc
  .tuple(fc.integer({ min: 1, max: 30_000 }), fc.constantFrom('[', '{"a":', '[{"a":'))
  .map(([depth, open]) => open.repeat(Math.min(depth, Math.floor(50_000 / open.length))));
const rawText = fc.oneof(
  anyBytes,
  nested.map((text) => Buffer.from(text)),
  nested.map((text) =>
    Buffer.from(
      `${text}1${text.replaceAll(/[^[{]/g, '').split('').toReversed().join('').replaceAll('[', ']').replaceAll('{', '}')}`,
    ),
  ),
  fc
    .constantFrom(
      ...['', ' ', 'null', '1', '"x"', '[]', '{', '{"a":1}{"b":2}', '\ufeff{}', '{"server":{}}x', '1e999', '-', 'NaN'],
      ...['{"a":1,"a":2}', '{"\\ud800":1}', '{"server":{"name":"\\udc00"}}'],
    )
    .map((text) => Buffer.from(text)),
  fc.constant(Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xf0, 0x9f, 0x98, 0x22, 0x7d])),
);

const queryWords = [
  ...[
    'limit',
    'marker',
    'sort_key',
    'sort_dir',
    'name',
    'status',
    'ip',
    'tags',
    'changes-since',
    'all_tenants',
    'locked',
  ],
  ...[
    'deleted',
    'flavor',
    'is_public',
    'user_id',
    'reserved',
    'tenant_id',
    'power_state',
    'created_at',
    'minRam',
    '_x',
  ],
];
const anyQuery = fc
  .array(
    fc.tuple(fc.oneof(fc.constantFrom(...queryWords), escaped), fc.oneof(escaped, fc.constantFrom('', '1', 'x', '%'))),
    {
      maxLength: 4,
    },
  )
  .map((pairs) => pairs.map((pair) => pair.join('=')).join('&'));

const version = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 104 }).map((minor) => `2.${minor}`) },
  { weight: 1, arbitrary: fc.constantFrom('latest', '2.0', '2.105', '3.1', '2', '', '2.1.1', 'LATEST', '2.01', '2.x') },
);

const anyRequest = fc.record({
  route: fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...routes) },
    {
      weight: 1,
      arbitrary: fc.record({
        method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'),
        path: escaped.map((text) => `/${text}`),
        since: fc.constant('2.1'),
      }),
    },
  ),
  id: fc.oneof(
    fc.constantFrom('server', ...ids),
    escaped.filter((text) => text !== ''),
  ),
  query: anyQuery,
  version,
  body: fc.oneof(
    rawText,
    anyObject,
    fc.constantFrom(...words).chain((word) => strange.map((value) => ({ [word]: value }))),
  ),
  as: fc.constantFrom('admin' as const, 'member' as const, 'reader' as const),
});

/** Whether a body is JSON that has a form in UTF-8 and no key that poisons prototypes (the parser refuses both). */
const isReadable = (body: unknown): boolean =>
  !(body instanceof Uint8Array) && !/\\ud[89a-f]|"(?:__proto__|constructor)":/i.test(JSON.stringify(body));

/** A refusal in the form that Nova's clients read; the framework's page where no route fits. */
function assertAnswer({ status, headers, body, text }: Answer, said: string): void {
  assert.ok(status < 500 || status === 501 || status === 503, `${said}: ${status} ${text}`);
  if (status < 400) return;
  if (headers['content-type']?.startsWith('text/html')) return assert.equal(status, 404, said);
  const entries = Object.entries((body ?? {}) as Record<string, { code?: number; message?: string }>);
  assert.equal(entries.length, 1, `${said}: ${status} ${text}`);
  assert.deepEqual([entries[0]?.[1].code, typeof entries[0]?.[1].message], [status, 'string'], `${said}: ${text}`);
}

const place = {
  ...({ virtType: 'kvm', arch: 'x86_64', cpuModel: null, kernel: '/kernel', ramdisk: null } as const),
  ...{ disks: [], consolePath: '/console.log' },
};

/** The definition of a guest is well-formed and says of it what it should. */
function assertDefinition(spec: GuestSpec): void {
  const problems: string[] = [];
  const parser = new DOMParser({ onError: (level, message) => void problems.push(`${level}: ${message}`) });
  const xml = parser.parseFromString(domainXml(spec, place), 'text/xml');
  assert.deepEqual(problems, []);
  assert.equal(xml.documentElement?.tagName, 'domain');
  const of = (name: string) => Array.from(xml.getElementsByTagName(name), (element) => element.textContent);
  assert.deepEqual(of('xloud:name'), [spec.name]);
  assert.deepEqual([of('uuid'), of('devices').length], [[spec.uuid], 1]);
}

for (const engine of engines) {
  describe(`anything at all on ${engine}`, () => {
    let servers: Servers;
    let id: string;
    before(async () => {
      servers = await startServers({ engine });
      id = await servers.create({ flavorRef: ELASTIC });
    });
    after(() => servers.close());

    it('to any route at any version is answered in Nova’s form, never by a failure of ours', async () => {
      const property = fc.asyncProperty(anyRequest, async (asked) => {
        const { method } = asked.route;
        const given = asked.id === 'server' ? (method === 'DELETE' ? 'none' : id) : asked.id;
        const path = asked.route.path.replaceAll(/:\w+/g, () => given);
        const sends = method === 'POST' || method === 'PUT' || method === 'PATCH';
        const answer = await servers.request(method, `${path}${asked.query === '' ? '' : `?${asked.query}`}`, {
          as: asked.as,
          // no JSON and no such version are two refusals; which comes first is tested elsewhere
          version: isReadable(asked.body) ? asked.version : asked.route.since,
          ...(sends ? { body: asked.body } : {}),
        });
        assertAnswer(answer, `${method} ${path}?${asked.query}`);
      });
      await fc.assert(property, { seed, numRuns: runs[engine].requests });
      await servers.world.settled();
      assert.deepEqual(await servers.world.leftovers(), []);
    });

    it('too large is 413, and what is no UTF-8 or half a character is 400', async () => {
      const send = (body: unknown) => servers.request('POST', '/servers', { as: 'member', body });
      // of the web framework, not of a route, so that no route declares it
      const large = await fetch(`${servers.url}/v2.1/servers`, {
        ...{ method: 'POST', headers: { 'X-Auth-Token': 'member', 'Content-Type': 'application/json' } },
        body: JSON.stringify({ server: { name: 'x'.repeat(120_000) } }),
      });
      const refusal = (await large.json()) as { overLimit: { code: number } };
      assert.deepEqual([large.status, refusal.overLimit.code], [413, 413]);
      const smile = Buffer.from('{"server": {"name": "😀"}}');
      for (const body of [
        Buffer.concat([smile.subarray(0, 23), smile.subarray(25)]),
        Buffer.from('{"server": {"name": "\\ud83d"}}'),
        Buffer.from('{"server": {"\\udc00": 1}}'),
        Buffer.from('\ufeff{"server": {}}'),
      ]) {
        const answer = await send(body);
        assert.deepEqual([answer.status, answer.body.badRequest.message], [400, 'Malformed request body']);
      }
      const whole = await send(Buffer.from('{"server": {"name": "\\ud83d\\ude00"}}'));
      assert.notEqual(whole.body.badRequest.message, 'Malformed request body');
    });

    it('as text of a server is stored as it was or refused, and never breaks the guest’s definition', async () => {
      const wish = fc.record(
        {
          name: anyText,
          description: anyText,
          metadata: fc.dictionary(
            fc.oneof(fc.constantFrom('key', 'a:b.c d', '__proto__', 'constructor'), fc.string({ maxLength: 12 })),
            fc.oneof(anyText, fc.string({ maxLength: 255, unit: 'grapheme' })),
            { maxKeys: 3 },
          ),
          user_data: fc.oneof(
            fc.string({ unit: 'binary', maxLength: 400 }).map((text) => Buffer.from(text).toString('base64')),
            anyText,
          ),
          tags: fc.uniqueArray(fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }), { maxLength: 2 }),
          hostname: fc.string({ maxLength: 20 }),
        },
        { requiredKeys: [] },
      );
      const printable = fc.string({ unit: 'binary', maxLength: 120 }).map((text) =>
        Array.from(text)
          .filter((char) => (char.codePointAt(0) as number) < 0xffff && !/[\p{C}\p{Zl}\p{Zp}]/u.test(char))
          .join('')
          .replaceAll(/^\p{Zs}+|\p{Zs}+$/gu, ''),
      );
      const likely = fc.record(
        {
          name: fc.oneof(printable, fc.constantFrom('<&>"\'', ']]>', '<!--', '${x}', 'a\\b', '日本語')).filter(Boolean),
          description: printable,
          metadata: fc.dictionary(
            fc.constantFrom('key', 'a:b.c d', 'constructor'),
            fc.string({ unit: 'binary', maxLength: 255 }).filter((text) => Array.from(text).length <= 255),
          ),
          user_data: fc.string({ unit: 'binary' }).map((text) => Buffer.from(text).toString('base64')),
        },
        { requiredKeys: [] },
      );
      let made = 0;
      const property = fc.asyncProperty(fc.oneof(wish, { weight: 3, arbitrary: likely }), async (wished) => {
        const answer = await servers.post({ flavorRef: PLAIN, config_drive: true, ...wished }, { version: 'latest' });
        assertAnswer(answer, JSON.stringify(wished));
        if (answer.status !== 202) return assert.equal(answer.status, 400, answer.text);
        made += 1;
        const shown = await servers.show(answer.body.server.id, { as: 'admin', version: 'latest' });
        const {
          name = 'web',
          description = null,
          metadata = {},
          user_data = null,
          tags = [],
        } = wished as {
          name?: string;
          description?: string;
          metadata?: Record<string, string>;
          user_data?: string;
          tags?: string[];
        };
        assert.equal(shown.name, name);
        assert.equal(shown.description, description);
        assert.deepEqual({ ...shown.metadata }, { ...metadata });
        assert.equal(shown['OS-EXT-SRV-ATTR:user_data'], user_data);
        assert.deepEqual(shown.tags.toSorted(), tags.toSorted());
        await servers.world.settled();
        const spec = servers.world.drivers.get('host-1')?.store.get(shown.id)?.spec;
        assert.ok(spec !== undefined);
        assert.equal(spec.name, name);
        assert.deepEqual({ ...spec.metadata }, { ...metadata });
        assert.equal(spec.configDrive?.userData, user_data);
        assertDefinition(spec);
        await servers.request('DELETE', `/servers/${shown.id}`, { as: 'member' });
      });
      await fc.assert(property, { seed, numRuns: runs[engine].servers });
      assert.ok(made > runs[engine].servers / 3, `only ${made} were made`);
    });
  });
}
