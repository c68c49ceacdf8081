// What operators are told: every metric that the dashboard and the alert rules name is there, counts what is true, and the rules
// wake somebody when they should, in the judgement of Prometheus' own tool.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { eventually, type Service, startService } from '../support/serve.ts';

const run = promisify(execFile);
const DOCS = join(import.meta.dirname, '../../docs/monitoring');
const PROMTOOL = '/usr/bin/promtool';

/** Names of metrics in expressions; suffixes of histograms are their metric's. */
const namesIn = (text: string): Set<string> =>
  new Set(
    [...text.matchAll(/\b(?:xloud|nodejs|process)_[a-z0-9_]+/g)].map(([name]) => name.replace(/_(bucket|count)$/, '')),
  );

describe('monitoring', () => {
  let service: Service;
  before(async () => {
    service = await startService({ driver: 'fake' });
  });
  after(() => service.close());

  const metrics = async (): Promise<string> => (await fetch(`${service.url}/metrics`)).text();
  const valueOf = (text: string, line: string): number => {
    const found = text.split('\n').find((one) => one.startsWith(`${line} `));
    assert.ok(found !== undefined, `no ${line} in\n${text}`);
    return Number(found.slice(line.length));
  };

  it('has every metric that the dashboard, the rules and the page name', async () => {
    const known = new Set([...(await metrics()).matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
    for (const file of ['alerts.yaml', 'grafana.json']) {
      const text = readFileSync(join(DOCS, file), 'utf8');
      const expressions =
        file === 'alerts.yaml' ? text : JSON.stringify([...text.matchAll(/"expr": "(.*)"/g)].map(([, one]) => one));
      for (const name of namesIn(expressions)) assert.ok(known.has(name), `${file}: ${name}`);
    }
    const page = readFileSync(join(DOCS, 'README.md'), 'utf8');
    // a name that ends in an underscore stands for all that begin with it
    for (const name of namesIn(page))
      assert.ok(
        name.endsWith('_') ? [...known].some((one) => one?.startsWith(name)) : known.has(name),
        `README.md: ${name}`,
      );
    for (const name of known)
      if (name?.startsWith('xloud_') && !name.startsWith('xloud_adjust_'))
        assert.ok(page.includes(name), `README.md: ${name}`);
  });

  it('counts servers, actions and hosts as they are', async () => {
    const admin = (method: string, path: string, body?: unknown) => service.request('xloud', method, path, body);
    const image = (await admin('POST', '/image/v2/images', { name: 'i', disk_format: 'raw', container_format: 'bare' }))
      .body.id;
    await admin('PUT', `/image/v2/images/${image}/file`, new Uint8Array(1024));
    await admin('POST', '/compute/v2.1/flavors', { flavor: { name: 'f', id: 'f', vcpus: 2, ram: 64, disk: 1 } });
    const body = { server: { name: 's', flavorRef: 'f', imageRef: image, networks: 'none' } };
    const { id } = (await admin('POST', '/compute/v2.1/servers', body)).body.server;
    await eventually('the server', 10_000, async () =>
      (await admin('GET', `/compute/v2.1/servers/${id}`)).body.server.status === 'ACTIVE' ? true : null,
    );
    const text = await eventually(
      'the count',
      15_000,
      async () => {
        const now = await metrics();
        return now.includes('xloud_servers{vm_state="active"') ? now : null;
      },
      500,
    );
    assert.equal(valueOf(text, 'xloud_servers{vm_state="active",task_state="none"}'), 1);
    assert.equal(valueOf(text, 'xloud_actions_total{action="create",outcome="success"}'), 1);
    assert.equal(valueOf(text, 'xloud_hosts{state="up"}'), 1);
    const claimed = /^xloud_host_claimed\{host="[^"]+",resource="vcpus"\} (\d+)$/m.exec(text)?.[1];
    assert.equal(Number(claimed), 2);
    assert.equal(valueOf(text, 'xloud_oldest_action_seconds'), 0);
    assert.match(text, /^xloud_build_info\{version="[\d.]+",node="24\.[\d.]+"\} 1$/m);
  });

  it('logs lines with names of levels and the id of the answer, and no secret', async () => {
    const response = await fetch(`${service.url}/compute/v2.1/servers`, {
      headers: { 'X-Auth-Token': 'a-secret-token' },
    });
    const id = response.headers.get('X-OpenStack-Request-Id');
    const line = await eventually('the line', 5_000, () =>
      service
        .log()
        .split('\n')
        .find((one) => one.includes(`"request_id":"${id}"`)),
    );
    const said = JSON.parse(line);
    assert.deepEqual([said.level, said.status, said.client], ['info', 401, '127.0.0.1']);
    assert.ok(!service.log().includes('a-secret-token'));
  });

  it('logs no token of a console, whether it was looked for or the request was refused before', async () => {
    const paths = [
      '/compute/v2.1/os-console-auth-tokens/',
      '/compute/v2.1/0123456789abcdef0123456789abcdef/os-console-auth-tokens/',
      '/compute/v2/os-console%2Dauth-tokens/',
      '/identity/v2.0/tokens/',
    ];
    for (const path of paths)
      for (const headers of [{}, { 'X-Auth-Token': 'expired' }]) {
        const { status } = await service.request(
          'xloud',
          'GET',
          `${path}a-console-token?token=a-console-token`,
          undefined,
          headers,
        );
        assert.ok(status >= 400, path);
      }
    const lines = await eventually('the lines', 5_000, () => {
      const found = service
        .log()
        .split('\n')
        .filter((one) => one.includes('tokens/') && one.endsWith('"msg":"request"}'));
      return found.length === 2 * paths.length ? found : null;
    });
    for (const line of lines) assert.match(JSON.parse(line).path, /tokens\/\{token\}$/);
    assert.ok(!service.log().includes('a-console-token'));
  });

  it('has alert rules that promtool takes, and that pass their tests', {
    skip: existsSync(PROMTOOL) ? false : `${PROMTOOL} is not installed`,
  }, async () => {
    await run(PROMTOOL, ['check', 'rules', join(DOCS, 'alerts.yaml')]);
    await run(PROMTOOL, ['test', 'rules', join(DOCS, 'alerts.test.yaml')]);
  });
});
