// The novacron command: how it prints, waits, completes and ends. What its commands do: novacron-document.test.ts.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { type Service, startService } from '../support/serve.ts';

const NOVACRON = join(import.meta.dirname, '..', '..', 'bin', 'novacron');

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(program: string, words: readonly string[], more: Record<string, string> = {}): Promise<Ended> {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(OS_|NOVACRON)/.test(name));
  return new Promise((resolve) => {
    const env = { ...Object.fromEntries(inherited), ...more };
    execFile(program, [...words], { env, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

describe('the novacron command', { concurrency: 1 }, () => {
  let service: Service;
  before(async () => {
    service = await startService({
      driver: 'fake',
      env: {
        XLOUD_COMPUTE__FAKE_HOSTS: '2',
        XLOUD_COMPUTE__HOST: 'node',
        XLOUD_QUOTA__CORES: '-1',
        XLOUD_QUOTA__RAM: '-1',
      },
    });
    const wish = { name: 'small', disk_format: 'raw', container_format: 'bare', visibility: 'public' };
    const { body } = await service.request('xloud', 'POST', '/image/v2/images', wish);
    await service.request('xloud', 'PUT', `/image/v2/images/${body.id}/file`, Buffer.alloc(512));
  });
  after(() => service?.close());

  const novacron = (...words: string[]): Promise<Ended> =>
    run(NOVACRON, [...words, ...(words[0] === 'completion' ? [] : ['--data-dir', service.dataDir])]);

  let vm: string;

  it('waits with a line of progress, and prints tables, JSON and YAML', async () => {
    const size = ['--vcpus', '2', '--memory', '1024', '--disk', '1024'];
    const made = await novacron('vm', 'create', '--name', 'one', '--image', 'small', ...size, '--wait', '-o', 'json');
    assert.equal(made.status, 0, made.stderr);
    const { id, state } = JSON.parse(made.stdout);
    vm = id;
    assert.equal(state, 'running');
    assert.match(made.stderr, /^one: creating/);
    const table = await novacron('vm', 'list');
    assert.match(table.stdout, /^id +name +state +node id +vcpus +memory mb +disk mb +addresses\n/);
    assert.match(table.stdout, new RegExp(`^${vm} +one +running +node`, 'm'));
    const yaml = await novacron('vm', 'show', '--vm-id', vm, '-o', 'yaml');
    assert.deepEqual(parse(yaml.stdout).current, { vcpus: 2, memory_mb: 1024 });
  });

  it('adjusts, and says what became of it', async () => {
    const small = await novacron(
      'vm',
      'adjust',
      '--vm-id',
      vm,
      '--vcpus',
      '1',
      '--memory',
      '512',
      '--wait',
      '-o',
      'json',
    );
    assert.equal(small.status, 0, small.stderr);
    assert.deepEqual(JSON.parse(small.stdout).current, { vcpus: 1, memory_mb: 512 });
    const { stdout } = await novacron('vm', 'actions', '--vm-id', vm);
    assert.match(stdout, /^adjust +\S+ +false +-$/m);
  });

  it('ends with a status for each kind of end', async () => {
    const cases: readonly (readonly [number, RegExp, readonly string[]])[] = [
      [2, /required option '--vm-id/, ['vm', 'show']],
      [2, /whole number/, ['vm', 'adjust', '--vm-id', vm, '--vcpus', 'many']],
      [2, /is not JSON/, ['vm', 'create', '--name', 'a', '--image', 'small', '--template-vars', '{']],
      [2, /there is no cloud nobody/, ['vm', 'list', '--os-cloud', 'nobody']],
      [3, /There is no vm 'x'\. \(HTTP 404\)/, ['vm', 'show', '--vm-id', 'x']],
      [3, /\(HTTP 403\)/, ['node', 'status', '--os-cloud', 'xloud-demo']],
      [4, /does not answer/, ['vm', 'list', '--url', 'http://127.0.0.1:9/api/v1']],
    ];
    for (const [status, words, command] of cases) {
      const ended = await novacron(...command);
      assert.equal(ended.status, status, `${command.join(' ')}: ${ended.stderr}`);
      assert.match(ended.stderr, words);
      assert.equal(ended.stdout, '');
    }
  });

  it('ends with 1 where what it waited for failed, with the reason', async () => {
    const wish = ['vm', 'create', '--name', 'huge', '--image', 'small', '--vcpus', '32', '--memory', '131072'];
    const first = await novacron(...wish, '--wait');
    assert.equal(first.status, 0, first.stderr);
    // two nodes have 256 GiB each, and these four do not fit beside the others
    const others = await Promise.all([1, 2, 3, 4].map(() => novacron(...wish, '--wait')));
    const failed = others.filter(({ status }) => status === 1);
    assert.ok(failed.length > 0, JSON.stringify(others));
    assert.match(failed[0]?.stderr ?? '', /novacron: create of huge failed: .*No valid host/i);
  });

  it('finds its caller by variables and flags, and its address by either', async () => {
    const { clouds } = parse((await run('cat', [join(service.dataDir, 'clouds.yaml')])).stdout);
    const { auth_url, username, password, project_name } = clouds['xloud-demo'].auth;
    const env = {
      OS_AUTH_URL: auth_url as string,
      OS_USERNAME: username as string,
      OS_PASSWORD: password as string,
      OS_PROJECT_NAME: project_name as string,
      OS_USER_DOMAIN_NAME: 'Default',
      OS_PROJECT_DOMAIN_NAME: 'Default',
    };
    const listed = await run(NOVACRON, ['vm', 'list', '-o', 'json'], env);
    assert.deepEqual([listed.status, JSON.parse(listed.stdout)], [0, { vms: [] }], listed.stderr);
    const url = `${service.url}/api/v1`;
    assert.equal((await run(NOVACRON, ['image', 'list', '--url', url], env)).status, 0);
    assert.equal((await run(NOVACRON, ['image', 'list'], { ...env, NOVACRON_URL: url })).status, 0);
    const wrong = await run(NOVACRON, ['vm', 'list', '--os-password', 'wrong', '--os-username', 'demo'], env);
    assert.equal(wrong.status, 3, wrong.stderr);
    const nobody = await run(NOVACRON, ['vm', 'list', '--url', url, '--data-dir', '/nonexistent']);
    assert.deepEqual([nobody.status, /A token is wanted/.test(nobody.stderr)], [3, true], nobody.stderr);
    assert.equal((await run(NOVACRON, ['vm', 'list', '--data-dir', '/nonexistent'])).status, 2);
  });

  it('and so does curl, by an application credential, as long as that is there', async () => {
    const { body: who } = await service.request('xloud', 'GET', '/identity/v3/users?name=demo');
    const credentials = `/identity/v3/users/${who.users[0].id}/application_credentials`;
    const wish = { application_credential: { name: 'curl' } };
    const { id, secret } = (await service.request('xloud-demo', 'POST', credentials, wish)).body.application_credential;
    const curl = async (words: string, method: string, path: string): Promise<number> => {
      const asked = ['-s', '-o', '/dev/null', '-w', '%{http_code}', '-u', words, '-X', method];
      return Number((await run('curl', [...asked, `${service.url}/api/v1${path}`])).stdout);
    };
    assert.equal(await curl(`${id}:${secret}`, 'GET', '/vms'), 200);
    assert.equal(await curl(`${id}:${secret}`, 'GET', '/nodes'), 403, 'with its own roles');
    assert.equal(await curl(`${id}:${secret}`, 'DELETE', `/vms/${vm}`), 404, 'of its own project');
    assert.equal(await curl(`${id}:wrong`, 'GET', '/vms'), 401);
    const env = {
      OS_AUTH_URL: `${service.url}/identity/v3`,
      OS_APPLICATION_CREDENTIAL_ID: id as string,
      OS_APPLICATION_CREDENTIAL_SECRET: secret as string,
    };
    assert.equal((await run(NOVACRON, ['vm', 'list'], env)).status, 0);
    assert.equal((await service.request('xloud-demo', 'DELETE', `${credentials}/${id}`)).status, 204);
    for (const time of ['with the token that was kept', 'and without'])
      assert.equal(await curl(`${id}:${secret}`, 'GET', '/vms'), 401, time);
  });

  it('has its words completed by bash', async () => {
    const script = (await novacron('completion', 'bash')).stdout;
    const complete = async (...words: string[]): Promise<string[]> => {
      const list = words.map((word) => `'${word}'`).join(' ');
      const asked = `${script}\nCOMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _novacron; echo "\${COMPREPLY[@]}"`;
      return (await run('bash', ['-c', asked])).stdout.trim().split(' ');
    };
    assert.deepEqual(await complete('novacron', 'vm', 'sn'), ['snapshot']);
    assert.deepEqual(await complete('novacron', 'vm', 'snapshot', 're'), ['restore']);
    assert.deepEqual(await complete('novacron', 'vm', 'show', '--vm'), ['--vm-id']);
    assert.deepEqual(await complete('novacron', 'vm', 'backup', 'create', '--vm-id', 'x', '--ty'), ['--type']);
    assert.match((await novacron('completion', 'zsh')).stdout, /bashcompinit[^]*complete -F _novacron novacron/);
    assert.equal((await novacron('completion', 'fish')).status, 2);
  });
});
