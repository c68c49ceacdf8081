import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { pino } from 'pino';
import { limits } from '../../../src/base/limits.ts';
import { silentLog } from '../../../src/base/log.ts';
import type { Caller, Op } from '../../../src/base/op.ts';
import type { RuleName } from '../../../src/policies/index.ts';
import { type Policy, makePolicy, policyFile } from '../../../src/policies/load.ts';

const caller = (roles: readonly string[], more: Partial<Caller> = {}): Caller => ({
  userId: 'u1',
  userName: 'user',
  userDomainId: 'default',
  projectId: 'p1',
  projectName: 'project',
  projectDomainId: 'default',
  domainId: null,
  roles,
  systemScope: null,
  isAdmin: false,
  token: null,
  ...more,
});
const member = caller(['member', 'reader']);
const reader = caller(['reader']);
const admin = caller(['admin'], { isAdmin: true, projectId: 'p0' });
const own = { project_id: 'p1', user_id: 'u1' };
const CREATE: RuleName = 'os_compute_api:servers:create';
const SHOW: RuleName = 'os_compute_api:servers:show';

let directory: string;
let file: string;
let nowMs: number;
let logged: { level: number; msg: string }[];
const clock = { now: () => nowMs, sleep: () => Promise.resolve() };
const start = (path?: string): Policy => {
  const log = pino(
    { level: 'info' },
    { write: (line: string) => logged.push(JSON.parse(line) as { level: number; msg: string }) },
  );
  return makePolicy({ ...(path === undefined ? {} : { file: path }), log, clock });
};
const opOf = (who: Caller): Op => ({ caller: who }) as Op;
const tick = (): void => {
  nowMs += limits.policyCheckMs;
};
const messages = (level: number): string[] => logged.filter((line) => line.level === level).map((line) => line.msg);

/** Each test of a suite has a directory of its own. */
function inFreshDirectories(): void {
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'policy-'));
    file = join(directory, 'policy.yaml');
    nowMs = 1_000_000;
    logged = [];
  });
  afterEach(() => rmSync(directory, { recursive: true }));
}

describe('the defaults', () => {
  inFreshDirectories();

  it('say who may', () => {
    const policy = start();
    assert.equal(policy.allows(member, CREATE, own), true);
    assert.equal(policy.allows(reader, CREATE, own), false);
    assert.equal(policy.allows(reader, SHOW, own), true);
    assert.equal(policy.allows(reader, SHOW, { project_id: 'p2' }), false);
    assert.equal(policy.allows(admin, SHOW, { project_id: 'p2' }), true);
    assert.equal(policy.allows(member, 'os_compute_api:os-keypairs:show', { user_id: 'u1' }), true);
    assert.equal(policy.allows(member, 'os_compute_api:os-keypairs:show', { user_id: 'u2' }), false);
    assert.equal(policy.allows(caller([]), 'os_compute_api:limits', {}), true);
    assert.equal(policy.allows(member, 'os_compute_api:xloud:adjust', own), true);
    assert.equal(policy.allows(reader, 'os_compute_api:xloud:adjust', own), false);
  });

  it("refuse in Nova's words", () => {
    const policy = start();
    policy.enforce(opOf(member), CREATE, own);
    assert.throws(() => policy.enforce(opOf(reader), CREATE, own), {
      kind: 'forbidden',
      code: 'policy.forbidden',
      message: "Policy doesn't allow os_compute_api:servers:create to be performed.",
    });
  });

  it('are for tokens of a project', () => {
    const policy = start();
    assert.equal(policy.allows(caller(['admin'], { systemScope: 'all', projectId: null }), SHOW, own), false);
    assert.equal(policy.allows(caller(['admin'], { domainId: 'd1', projectId: null }), SHOW, own), false);
  });

  it('decide who is an administrator', () => {
    const policy = start();
    assert.equal(policy.isAdmin(caller(['Admin'])), true);
    assert.equal(policy.isAdmin(member), false);
    // A caller cannot vouch for itself.
    assert.equal(policy.isAdmin(caller([], { isAdmin: true })), false);
  });

  it('have no rule that is not in the table', () => {
    assert.throws(() => start().allows(admin, 'os_compute_api:nothing', {}), /no policy rule is called/);
  });
});

describe('a policy file', () => {
  inFreshDirectories();

  it('overrides, and may bring rules of its own', () => {
    writeFileSync(
      file,
      `# ours\n"mine": "role:builder"\n"${CREATE}": "rule:mine"\n"context_is_admin": [["role:root"]]\n`,
    );
    const policy = start(file);
    assert.equal(policy.allows(member, CREATE, own), false);
    assert.equal(policy.allows(caller(['builder']), CREATE, own), true);
    assert.equal(policy.isAdmin(caller(['root'])), true);
    assert.equal(policy.isAdmin(caller(['admin'])), false);
    assert.deepEqual(messages(40), []);
    const sources = new Map(policy.rules().map((rule) => [rule.name, rule.source]));
    assert.equal(sources.get(CREATE), 'file');
    assert.equal(sources.get('mine'), 'own');
    assert.equal(sources.get(SHOW), 'default');
  });

  it('may be JSON, with tabs', () => {
    writeFileSync(file, `{\n\t"${CREATE}": "!"\n}\n`);
    assert.equal(start(file).allows(member, CREATE, own), false);
  });

  it('may be empty or hold only comments', () => {
    writeFileSync(file, '# nothing\n');
    assert.equal(start(file).allows(member, CREATE, own), true);
  });

  it('counts under the name that a rule had before, unless the new name stands there', () => {
    writeFileSync(file, '"os_compute_api:os-services": "role:auditor"\n"os_compute_api:os-services:delete": "!"\n');
    const policy = start(file);
    const auditor = caller(['auditor']);
    assert.equal(policy.allows(auditor, 'os_compute_api:os-services:list', own), true);
    assert.equal(policy.allows(admin, 'os_compute_api:os-services:list', own), false);
    assert.equal(policy.allows(auditor, 'os_compute_api:os-services:delete', own), false);
    assert.equal(messages(40).filter((text) => text.includes('is the older name of')).length, 2);
  });

  it('may point the older name to the new one', () => {
    writeFileSync(file, '"os_compute_api:os-used-limits": "rule:os_compute_api:limits:other_project"\n');
    assert.equal(start(file).allows(admin, 'os_compute_api:limits:other_project', own), true);
  });

  it('is warned about where a part can never hold or a name is not known', () => {
    writeFileSync(file, `"${CREATE}": "tenant:%(tenant_id)s or rule:gone"\n"os_compute_api:typo": "@"\n`);
    start(file);
    assert.deepEqual(messages(40), [
      `policy: ${file}:1: ${CREATE}: tenant is not a credential, so this part never holds`,
      `policy: ${file}:1: ${CREATE}: rule:gone is not defined, so this part never holds`,
      `policy: ${file}:2: os_compute_api:typo is not the name of a rule, and no rule refers to it`,
    ]);
  });

  const broken: readonly (readonly [string, string, RegExp])[] = [
    ['YAML', 'a: b\nc: [\n', /policy\.yaml:\d: /],
    ['a rule', `\n"${CREATE}": "role:a role:b"\n`, /policy\.yaml:2: os_compute_api:servers:create: column 8: /],
    ['@ without quotes', `"${CREATE}": @\n`, /policy\.yaml:1: /],
    ['! without quotes', `\n"${CREATE}": !\n`, /policy\.yaml:2: .*tag/],
    ['null', `"${CREATE}":\n`, /policy\.yaml:1: .*not nothing/],
    ['a list', '- a\n', /mapping/],
    ['a number for a name', '1: "@"\n', /must be a string/],
    ['a name twice', `a: "@"\na: "!"\n`, /policy\.yaml:2: /],
    ['a circle', `"a": "rule:${SHOW}"\n\n"${SHOW}": "rule:a"\n`, /policy\.yaml:[13]: .*circle/],
    ['members of a text', `"${SHOW}": "user_id.name:x"\n`, /policy\.yaml:1: .*user_id has no members/],
    ['http', `"${SHOW}": "http://127.0.0.1/%(x)s"\n`, /policy\.yaml:1: .*not supported/],
    ['too much', `# ${'x'.repeat(limits.policyFileBytes)}`, /at most/],
    [
      'aliases by the million',
      `a: &a ["@","@","@"]\n${'bcdefghijklmnop'.replace(/./g, (n) => `${n}: &${n} [*${String.fromCharCode(n.charCodeAt(0) - 1)},*${String.fromCharCode(n.charCodeAt(0) - 1)},*${String.fromCharCode(n.charCodeAt(0) - 1)}]\n`)}`,
      /policy\.yaml:\d+: /,
    ],
  ];
  for (const [what, text, message] of broken) {
    it(`stops the start when broken: ${what}`, () => {
      writeFileSync(file, text);
      assert.throws(() => start(file), { name: 'Fault', code: 'policy.syntax', message });
    });

    it(`changes nothing when broken later: ${what}`, () => {
      writeFileSync(file, `"${CREATE}": "role:builder"\n`);
      const policy = start(file);
      writeFileSync(file, text);
      tick();
      assert.equal(policy.allows(caller(['builder']), CREATE, own), true);
      assert.equal(policy.allows(member, CREATE, own), false);
      tick();
      policy.allows(member, CREATE, own);
      assert.equal(messages(50).length, 1, 'said once');
      assert.match(messages(50)[0] ?? '', message);
      assert.match(messages(50)[0] ?? '', /NOT in force, the former rules stay/);
    });
  }

  it('must be there when the program starts', () => {
    assert.throws(() => start(file), { code: 'policy.unreadable', message: /policy\.yaml/ });
  });
});

describe('a policy file that changes', () => {
  inFreshDirectories();

  it('is noticed although it was not there at the start, where it may be missing', () => {
    const policy = makePolicy({ ...policyFile('', directory), log: silentLog, clock });
    assert.equal(policy.allows(member, CREATE, own), true);
    writeFileSync(file, `"${CREATE}": "!"\n`);
    tick();
    assert.equal(policy.allows(member, CREATE, own), false);
  });

  const may = (policy: Policy): boolean => policy.allows(member, CREATE, own);

  it('is taken in, at most once a second', () => {
    writeFileSync(file, `"${CREATE}": "!"\n`);
    const policy = start(file);
    assert.equal(may(policy), false);
    writeFileSync(file, `"${CREATE}": "@"\n`);
    nowMs += limits.policyCheckMs - 1;
    assert.equal(may(policy), false);
    nowMs += 1;
    assert.equal(may(policy), true);
    assert.equal(messages(30).length, 1);
  });

  it('is taken in when replaced by a rename, and counts for isAdmin too', () => {
    writeFileSync(file, '"context_is_admin": "role:aaa"\n');
    const policy = start(file);
    writeFileSync(`${file}.new`, '"context_is_admin": "role:bbb"\n');
    renameSync(`${file}.new`, file);
    tick();
    assert.equal(policy.isAdmin(caller(['bbb'])), true);
  });

  it('leaves its rules when it goes away, and is taken in when it comes back', () => {
    writeFileSync(file, `"${CREATE}": "!"\n`);
    const policy = start(file);
    rmSync(file);
    tick();
    assert.equal(may(policy), false);
    assert.equal(messages(50).length, 1);
    writeFileSync(file, '{}\n');
    tick();
    assert.equal(may(policy), true);
  });

  it('is taken in after a mistake was mended', () => {
    writeFileSync(file, '{}');
    const policy = start(file);
    writeFileSync(file, `"${CREATE}": "role:"x`);
    tick();
    assert.equal(may(policy), true);
    writeFileSync(file, `"${CREATE}": "!"`);
    tick();
    assert.equal(may(policy), false);
  });

  it('is looked at although the clock was set back', () => {
    writeFileSync(file, '{}');
    const policy = start(file);
    nowMs -= 3_600_000;
    writeFileSync(file, `"${CREATE}": "!"`);
    assert.equal(may(policy), false);
  });

  it('is no longer looked at after close', () => {
    writeFileSync(file, `"${CREATE}": "!"`);
    const policy = start(file);
    policy.close();
    writeFileSync(file, '{}');
    tick();
    assert.equal(may(policy), false);
  });
});
