// What becomes of variables that anybody may say: they are values in the document, whatever is in them, or they are refused.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parse } from 'yaml';
import {
  type CloudInitTemplate,
  checkTemplate,
  fillTemplate,
  findTemplate,
  sayTheSameTemplate,
  templateAskedFor,
} from '../../../../src/domain/servers/cloud-init-templates.ts';
import { checkMergeable, mergedUserData } from '../../../../src/domain/servers/user-data.ts';
import { readCloudInitTemplates } from '../../../../src/main/cloud-init-templates.ts';

const templates = readCloudInitTemplates('');
const base64 = (text: string): string => Buffer.from(text).toString('base64');

const free: CloudInitTemplate = {
  name: 'free',
  version: 1,
  description: 'anything',
  source: 'operator',
  variables: {
    one: { type: 'string', description: 'a text', default: '' },
    many: { type: 'array', items: { type: 'string' }, description: 'texts', default: [] },
  },
  userData:
    '#cloud-config\nbefore: 1\nwrite_files:\n  - path: /a\n    content: !variable one\nruncmd:\n  - [a, !variable many, z]\nlist: !variable many\nafter: 2\n',
};

const refused = (metadata: Record<string, string>, why: RegExp): void => {
  assert.throws(() => templateAskedFor(templates, metadata), { kind: 'badRequest', message: why });
};

describe('templates for cloud-init', () => {
  it('are five built-in ones, each of which is a cloud-config without a word said', () => {
    assert.deepEqual(
      templates.map(({ name, version, source }) => [name, version, source]),
      ['database', 'default', 'development', 'minimal', 'web-server'].map((name) => [name, 1, 'built-in']),
    );
    for (const template of templates) {
      const { userData } = fillTemplate(template, new Map());
      assert.match(userData, /^#cloud-config\n/);
      assert.doesNotMatch(userData, /!variable|!text/);
      assert.equal(typeof parse(userData).package_update, 'boolean', userData);
    }
  });

  it('take what is said by its type, and put a list into a list', () => {
    const { userData } = templateAskedFor(templates, {
      other: 'x',
      'xloud:template': 'web-server',
      'xloud:template.port': '8080',
      'xloud:template.packages': 'curl, jq',
    }) ?? { userData: '' };
    const tree = parse(userData);
    assert.deepEqual(tree.packages, ['qemu-guest-agent', 'nginx-light', 'curl', 'jq']);
    assert.deepEqual(tree.runcmd[0].slice(3), ['web-server', '8080', '_']);
    assert.equal(
      parse(
        templateAskedFor(templates, { 'xloud:template': 'default', 'xloud:template.upgrade': 'true' })?.userData ?? '',
      ).package_upgrade,
      true,
    );
  });

  it('refuse what is not there, lacks, or has no such value, and say why', () => {
    refused({ 'xloud:template': 'none' }, /There is no cloud-init template 'none'; there are: database, default, /);
    refused({ 'xloud:template': 'default@2' }, /There is no cloud-init template 'default@2'/);
    refused({ 'xloud:template.port': '1' }, /Metadata 'xloud:template.port' without 'xloud:template'/);
    refused(
      { 'xloud:template': 'web-server', 'xloud:template.prot': '1' },
      /has no variable 'prot'; it has: port, server_name, index, packages\./,
    );
    for (const [port, why] of [
      ['65536', 'must be <= 65535'],
      ['80; reboot', 'must be integer'],
      ['', 'must be integer'],
    ] as const)
      refused(
        { 'xloud:template': 'web-server', 'xloud:template.port': port },
        new RegExp(`^Variable 'port' of the cloud-init template 'web-server' ${why}\\.$`),
      );
    refused({ 'xloud:template': 'default', 'xloud:template.upgrade': 'yes' }, /'upgrade' .* must be boolean/);
    refused(
      { 'xloud:template': 'development', 'xloud:template.packages': 'vim,-o' },
      /'packages' .* must match pattern/,
    );
    refused({ 'xloud:template': 'web-server', 'xloud:template.index': 'a\nb' }, /'index' .* not printable/);
    const needy = {
      ...free,
      variables: { ...free.variables, one: { type: 'string', description: 'a text' } as const },
    };
    assert.throws(() => fillTemplate(needy, new Map()), {
      message: /'one' .* must be given, since it has no default\./,
    });
  });

  it('are found by name, the newest first, or with a version', () => {
    const two = [{ ...free, version: 2 }, free];
    assert.equal(findTemplate(two, 'free')?.version, 2);
    assert.equal(findTemplate(two, 'free@1')?.version, 1);
    assert.equal(findTemplate(two, 'free@3'), null);
    assert.equal(findTemplate(two, ''), null);
    assert.equal(findTemplate(two, 'free@1@2'), null);
    assert.equal(findTemplate(two, 'free@'), null);
  });

  it('hold every value as it was said, and nothing else changes by it', () => {
    const text = fc
      .string({ unit: 'binary', maxLength: 40 })
      .filter((value) => !/[\p{Cc}\p{Cs}\u2028\u2029\ufeff\ufffe\uffff]/u.test(value));
    const nasty = fc.oneof(
      text,
      fc.constantFrom(
        '"',
        "'",
        ': ',
        '- x',
        '#',
        '!variable one',
        '{{',
        '*a',
        '&a',
        '|',
        '\\n',
        '\\',
        '%',
        '@',
        '`',
        'null',
        '1',
        'yes',
        '"\\',
        '"]',
        '}',
      ),
    );
    fc.assert(
      fc.property(
        nasty,
        fc.array(nasty.filter((value) => value.trim() === value && value !== '' && !value.includes(','))),
        (one, many) => {
          const { userData } = fillTemplate(
            free,
            new Map([
              ['one', one],
              ['many', many.join(',')],
            ]),
          );
          assert.deepEqual(parse(userData), {
            before: 1,
            write_files: [{ path: '/a', content: one }],
            runcmd: [['a', ...many, 'z']],
            list: many,
            after: 2,
          });
        },
      ),
    );
  });

  it('keep every scalar that is no place for a value as it was written', () => {
    const userData =
      '#cloud-config\nmode: 0644\nmask: 012\nlarge: 123456789012345678901\nquick: 1e3\nnone:\ntilde: ~\nyes: on\nat: 1:30\n' +
      'one: !variable one\nmany: !variable many\nquoted: [\'0644\', "a\\tb"]\n';
    const filled = fillTemplate({ ...free, userData }, new Map([['one', '0644']])).userData;
    assert.deepEqual(filled.split('\n'), [
      ...userData.split('\n').slice(0, 9),
      'one: "0644"',
      'many: []',
      `quoted: [ '0644', "a\\tb" ]`,
      '',
    ]);
  });

  it('write numbers, yes and no without quotes, and as texts with', () => {
    const template: CloudInitTemplate = {
      ...free,
      variables: {
        number: { type: 'integer', description: 'a number', default: 7 },
        sure: { type: 'boolean', description: 'yes or no', default: true },
      },
      userData: '#cloud-config\na: [!variable number, !text number]\nb: [!variable sure, !text sure]\n',
    };
    checkTemplate(template);
    const { userData } = fillTemplate(template, new Map([['number', '-0012']]));
    assert.equal(userData, '#cloud-config\na: [ -12, "-12" ]\nb: [ true, "true" ]\n');
  });

  it('are refused by what would come out of them', () => {
    const wrong = (userData: string, message: RegExp): void => {
      const template = { ...free, variables: { one: free.variables['one'] ?? assert.fail() } };
      assert.throws(() => checkTemplate({ ...template, userData: `#cloud-config\n${userData}\n` }), { message });
    };
    wrong('a: &here !variable one\nb: *here', /!variable one has an anchor/);
    wrong('a: { !variable one: 1 }', /!variable one stands for a key/);
    wrong('a: !variable one\nb: !vairable one', /Unresolved tag: !vairable/);
    wrong('a: !variable one\nb: !text [one]', /Unresolved tag: !text/);
    wrong('a: !variable one\nb: *there', /Unresolved alias/);
  });

  it('are refused for a default that their variable may not have, whichever others lack one', () => {
    const variables = {
      one: { type: 'string', description: 'no default' },
      two: { type: 'integer', description: 'a wrong one', default: 'x' },
    } as const;
    assert.throws(
      () => checkTemplate({ ...free, variables, userData: '#cloud-config\na: !variable one\nb: !variable two\n' }),
      { message: 'variables: two: the default must be integer' },
    );
  });

  it('have variables of any name, those of every object too', () => {
    const variables = { constructor: { type: 'string', description: 'a name', default: 'nobody' } } as const;
    const userData = '#cloud-config\na: !variable constructor\n';
    const template: CloudInitTemplate = { ...free, variables, userData };
    checkTemplate(template);
    assert.equal(fillTemplate(template, new Map()).userData, '#cloud-config\na: "nobody"\n');
    const needy = { ...template, variables: { constructor: { type: 'string', description: 'a name' } } } as const;
    assert.throws(() => fillTemplate(needy, new Map()), { message: /'constructor' .* must be given/ });
  });

  it('try patterns in a time that does not grow with what they could mean', () => {
    const template = (pattern: string): CloudInitTemplate => ({
      ...free,
      variables: {
        one: { type: 'string', pattern, description: 'slow elsewhere', default: 'a' },
        other: { type: 'string', pattern: '^b?$', description: 'another', default: 'b' },
      },
      userData: '#cloud-config\na: !variable one\nb: !variable other\n',
    });
    const slow = template('^(a+)+$');
    checkTemplate(slow);
    const began = performance.now();
    assert.throws(() => fillTemplate(slow, new Map([['one', `${'a'.repeat(254)}!`]])), {
      message: /'one' .* must match pattern "\^\(a\+\)\+\$"/,
    });
    assert.ok(performance.now() - began < 1_000);
    assert.throws(() => fillTemplate(slow, new Map([['other', 'a']])), { message: /'other' .* must match pattern/ });
    assert.throws(() => checkTemplate(template('^(?!a)')), { message: /invalid/i });
  });

  it('say the same as before, or not', () => {
    const one = { 'xloud:template': 'default', 'xloud:template.upgrade': 'true', a: '1' };
    assert.ok(sayTheSameTemplate(one, { ...one, a: '2', b: '3' }));
    assert.ok(sayTheSameTemplate({ a: '1' }, {}));
    assert.ok(!sayTheSameTemplate(one, { ...one, 'xloud:template.upgrade': 'false' }));
    assert.ok(!sayTheSameTemplate(one, { 'xloud:template': 'default' }));
    assert.ok(!sayTheSameTemplate({}, one));
  });
});

describe("an operator's templates", () => {
  const read = (files: Readonly<Record<string, string>>) => {
    const folder = mkdtempSync(join(tmpdir(), 'templates-'));
    try {
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
      return readCloudInitTemplates(folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
  const GOOD = 'name: mine\nversion: 1\ndescription: Mine.\nuser_data: |\n  #cloud-config\n  a: 1\n';

  it('stand beside ours, and a higher version of a name of ours goes before it', () => {
    const all = read({
      'mine.yaml': GOOD,
      'default.yml': GOOD.replace('mine', 'default').replace('1', '7'),
      'notes.txt': 'x',
    });
    assert.equal(findTemplate(all, 'mine')?.source, 'operator');
    assert.equal(findTemplate(all, 'default')?.version, 7);
    assert.equal(findTemplate(all, 'default@1')?.source, 'built-in');
  });

  for (const [what, text, why] of [
    ['is no map', '- 1', /a map is wanted/],
    ['has a field that there is not', `${GOOD}script: x\n`, /there is no field 'script'/],
    ['has no good name', GOOD.replace('mine', 'My template'), /name: small letters/],
    ['has no version', GOOD.replace('version: 1\n', ''), /version: a whole number/],
    ['is no cloud-config', GOOD.replace('#cloud-config', '#!/bin/sh'), /first line is #cloud-config/],
    ['is no YAML within', `${GOOD}  b: [\n`, /Flow sequence/],
    ['has a place for what is no variable', `${GOOD}  b: !variable port\n`, /there is no variable 'port'/],
    [
      'has a variable without a place',
      `variables: { port: { type: integer, description: x, default: 1 } }\n${GOOD}`,
      /port is nowhere/,
    ],
    [
      'has a default that it would refuse',
      `variables: { port: { type: integer, description: x, default: 0, minimum: 1 } }\n${GOOD}  b: !variable port\n`,
      /port: the default must be >= 1/,
    ],
    [
      'has a schema that is none',
      `variables: { port: { type: integer, description: x, minmum: 1 } }\n${GOOD}  b: !variable port\n`,
      /unknown keyword: "minmum"/,
    ],
    ['has the name and version of another', GOOD.replace('mine', 'default'), /two templates default@1/],
  ] as const)
    it(`stop the start where one ${what}`, () => {
      assert.throws(
        () => read({ 'one.yaml': text }),
        (error: Error) => {
          assert.match(error.message, /^configuration: compute\.cloud_init_templates: /);
          assert.match(error.message, why);
          return true;
        },
      );
    });

  it('stop the start where their directory is not there', () => {
    assert.throws(() => readCloudInitTemplates('/nowhere/at/all'), /compute\.cloud_init_templates: ENOENT/);
  });
});

describe('user data', () => {
  const filled = fillTemplate(free, new Map());
  const text = (userData: string | null): string => Buffer.from(userData ?? '', 'base64').toString();

  it('are as they were given where there is no template, and the template where they are not given', () => {
    assert.equal(mergedUserData(undefined, null), null);
    assert.equal(mergedUserData(undefined, 'aGVsbG8='), 'aGVsbG8=');
    assert.equal(text(mergedUserData(filled, null)), filled.userData);
  });

  it('are one message with both, their own first, the same each time', () => {
    const own = '#!/bin/sh\necho --==xloud\n';
    const merged = mergedUserData(filled, base64(own));
    assert.equal(merged, mergedUserData(filled, base64(own)));
    const [, boundary = ''] =
      /^Content-Type: multipart\/mixed; boundary="([^"]+)"\nMIME-Version: 1.0\n\n/.exec(text(merged)) ?? [];
    const [, first = '', second = '', end] = text(merged).split(`--${boundary}`);
    assert.equal(end, '--\n');
    const content = (part: string): string => text(part.split('\n\n').slice(1).join('').replaceAll('\n', ''));
    assert.equal(content(first), own);
    assert.equal(content(second), filled.userData);
    assert.match(second, /\nMerge-Type: list\(prepend\)\+dict\(no_replace,recurse_list\)\+str\(\)\n/);
  });

  it('keep their own parts, and are refused where they are compressed', () => {
    const own = 'Content-Type: multipart/mixed; boundary="x"\nMIME-Version: 1.0\n\n--x\n\nhello\n--x--\n';
    assert.ok(text(mergedUserData(filled, base64(own))).includes(`==\n${own}\n--==xloud-`));
    const compressed = Buffer.from([0x1f, 0x8b, 8, 0]).toString('base64');
    assert.throws(() => checkMergeable(filled, compressed), { kind: 'badRequest', message: /compressed .* 'free'/ });
    checkMergeable(null, compressed);
    checkMergeable(filled, null);
  });
});
