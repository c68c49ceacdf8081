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
