// The dashboard in a browser, over the whole product on the fake driver: as a tenant, as an operator, by hostile words, on a phone. And
// what it is served with.

import assert from 'node:assert/strict';
import { get, type IncomingMessage } from 'node:http';
import { after, before, beforeEach, describe, it } from 'node:test';
import { brotliDecompressSync } from 'node:zlib';
import type { Browser } from 'puppeteer-core';
import { startBrowser, withoutBrowser } from '../support/browser.ts';
import { credentials, enter, signIn, type Visitor } from '../support/dashboard.ts';
import { followNews } from '../support/news.ts';
import { type CloudName, eventually, type Reply, type Service, startService } from '../support/serve.ts';

/** Of what a browser loads before it shows anything. */
const FIRST_VIEW_BYTES = 150_000;
const LATER_MS = 10_000;
const HOSTILE = '<img src=x onerror=alert(1)>{{7*7}}"\'';

let service: Service;
const compute = (cloud: CloudName, method: string, path: string, body?: unknown): Promise<Reply> =>
  service.request(cloud, method, `/compute/v2.1${path}`, body, { 'OpenStack-API-Version': 'compute 2.96' });

async function flavor(name: string, vcpus: number, ram: number, specs: Record<string, string>): Promise<string> {
  const { body } = await compute('xloud', 'POST', '/flavors', { flavor: { name, vcpus, ram, disk: 1 } });
  const set = await compute('xloud', 'POST', `/flavors/${body.flavor.id}/os-extra_specs`, { extra_specs: specs });
  assert.equal(set.status, 200);
  return body.flavor.id as string;
}

async function image(): Promise<string> {
  const wish = { name: 'debian', disk_format: 'raw', container_format: 'bare', visibility: 'public' };
  const { body } = await service.request('xloud', 'POST', '/image/v2/images', wish);
  const bytes = new Uint8Array(1024 * 1024);
  assert.equal((await service.request('xloud', 'PUT', `/image/v2/images/${body.id}/file`, bytes)).status, 204);
  return body.id as string;
}

let imageRef: string;
let elasticRef: string;

async function server(cloud: CloudName, name: string, more: object = {}): Promise<string> {
  const asked = { name, imageRef, flavorRef: elasticRef, networks: 'auto', ...more };
  const { body, status } = await compute(cloud, 'POST', '/servers', { server: asked });
  assert.equal(status, 202, JSON.stringify(body));
  const id = body.server.id as string;
  await eventually(`${name} active`, LATER_MS, async () => {
    const found = (await compute(cloud, 'GET', `/servers/${id}`)).body.server;
    return found.status === 'ACTIVE' || null;
  });
  return id;
}

before(async () => {
  service = await startService({
    driver: 'fake',
    // eight vCPUs on each host, so that one can be full
    env: { XLOUD_COMPUTE__FAKE_HOSTS: '2', XLOUD_COMPUTE__CPU_ALLOCATION_RATIO: '0.125' },
  });
  imageRef = await image();
  const prices = { 'price:hour': '0.01', 'price:vcpu_hour': '0.003', 'price:memory_gb_hour': '0.0015' };
  elasticRef = await flavor('elastic', 8, 8192, { minimum_cpu: '1', minimum_memory: '1024', ...prices });
  await flavor('micro', 1, 512, { 'price:hour': '0.005' });
});
after(() => service?.close());

/** No test meets what another left. */
async function nobodyLeft(): Promise<void> {
  const list = async () => (await compute('xloud', 'GET', '/servers?all_tenants=1')).body.servers as { id: string }[];
  for (const { id } of await list()) {
    await compute('xloud', 'POST', `/servers/${id}/action`, { unlock: null });
    await compute('xloud', 'DELETE', `/servers/${id}`);
  }
  await eventually('no servers', LATER_MS, async () => (await list()).length === 0 || null);
}

const fetchPage = (path: string, init: RequestInit = {}): Promise<Response> => fetch(`${service.url}${path}`, init);

interface Packed {
  readonly bytes: Buffer;
  readonly encoding: string;
  readonly caching: string;
}

/** A file as it is sent to a browser: `fetch` would unpack it. */
async function packed(path: string): Promise<Packed> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(`${service.url}${path}`, { headers: { 'Accept-Encoding': 'gzip, br' } }, resolve).on('error', reject);
  });
  const { 'content-encoding': encoding = '', 'cache-control': caching = '' } = response.headers;
  return { bytes: Buffer.concat((await response.toArray()) as Buffer[]), encoding, caching };
}

describe('what the dashboard is served with', () => {
  it('is a document in which nothing may run but its own script, and files that are kept for good', async () => {
    const page = await fetchPage('/dashboard');
    const policy = page.headers.get('Content-Security-Policy') ?? '';
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
    assert.doesNotMatch(policy, /unsafe|\*|https?:|data:/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.equal(page.headers.get('X-Content-Type-Options'), 'nosniff');
    assert.equal(page.headers.get('Referrer-Policy'), 'no-referrer');
    assert.equal(page.headers.get('Cache-Control'), 'no-store');
    const text = await page.text();
    const names = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path);
    assert.equal(names.length, 3);
    let sent = 0;
    for (const path of names) {
      assert.match(path, /^\/dashboard\/[\w.-]+$/, 'from nowhere else');
      const file = await packed(path);
      assert.equal(file.encoding, 'br');
      assert.match(file.caching, path.endsWith('icon.svg') ? /max-age=86400/ : /immutable/);
      assert.ok(brotliDecompressSync(file.bytes).length > 100);
      sent += file.bytes.length;
    }
    console.log(`  the first view is ${Math.round(sent / 1000)} kB compressed, of ${FIRST_VIEW_BYTES / 1000} kB`);
    assert.ok(sent < FIRST_VIEW_BYTES, `${sent} bytes`);
  });

  it('brings the licences of what is in its script', async () => {
    const text = await (await fetchPage('/dashboard/licences.txt')).text();
    assert.match(text, /^preact\n[^]*MIT[^]*@preact\/signals\n[^]*@preact\/signals-core\n/);
  });

  it('is nothing else: other paths and methods are refused', async () => {
    const paths = [
      '/dashboard/nothing.js',
      '/dashboard/../serve.ts',
      '/dashboard/%2e%2e/package.json',
      '/dashboard/page/main.tsx',
    ];
    for (const path of paths) assert.equal((await fetchPage(path)).status, 404, path);
    const posted = await fetchPage('/dashboard', { method: 'POST', body: 'x' });
    assert.equal(posted.status, 405);
    assert.equal(posted.headers.get('Allow'), 'GET, HEAD');
  });

  it('passes on to identity what signing in takes, and nothing else', async () => {
    const asked = await fetchPage('/dashboard/identity/v3/auth/tokens', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ auth: { identity: { methods: ['password'] } } }),
    });
    assert.ok([400, 401].includes(asked.status));
    for (const path of ['/v3/users', '/v3/auth/tokens/OS-PKI/revoked', '/v3/../v3/users', '/v3', '/v3/credentials'])
      assert.equal((await fetchPage(`/dashboard/identity${path}`)).status, 404, path);
    assert.equal((await fetchPage('/dashboard/identity/v3/projects', { method: 'POST', body: '{}' })).status, 404);
  });
});

const follow = (token: string, stop: AbortSignal) => followNews(service.url, token, stop);

async function tokenOf(cloud: CloudName): Promise<string> {
  const { user, password } = credentials(service, cloud);
  const domain = { name: 'Default' };
  const identity = { methods: ['password'], password: { user: { name: user, password, domain } } };
  const scope = { project: { name: user, domain } };
  const answer = await fetchPage('/dashboard/identity/v3/auth/tokens', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ auth: { identity, scope } }),
  });
  return answer.headers.get('X-Subject-Token') ?? '';
}

describe('news of what changed', () => {
  it('come over a stream to whoever may see the server, and to nobody else', async () => {
    const stop = new AbortController();
    const [tenant, operator] = await Promise.all([
      follow(await tokenOf('xloud-demo'), stop.signal),
      follow(await tokenOf('xloud'), stop.signal),
    ]);
    await eventually('a greeting', LATER_MS, () => tenant.text().includes('event: hello') || null);
    const own = await server('xloud-demo', 'own');
    const foreign = await server('xloud', 'foreign');
    await eventually('its id', LATER_MS, () => tenant.text().includes(own) || null);
    await eventually(
      'both',
      LATER_MS,
      () => (operator.text().includes(foreign) && operator.text().includes(own)) || null,
    );
    assert.ok(!tenant.text().includes(foreign), 'a server of another project');
    stop.abort();
    for (const id of [own, foreign]) await compute('xloud', 'DELETE', `/servers/${id}`);
  });

  it('want a token', async () => {
    const { status } = await follow('nonsense', AbortSignal.timeout(LATER_MS));
    assert.equal(status, 401);
  });
});

const withBrowser = { skip: withoutBrowser, concurrency: 1 };

describe('the dashboard in a browser', withBrowser, () => {
  let browser: Browser;
  const findings = new Map<string, number>();

  before(async () => {
    browser = await startBrowser();
  });
  beforeEach(nobodyLeft);
  after(async () => {
    const all = [...findings.values()].reduce((sum, count) => sum + count, 0);
    console.log(`  axe-core: ${all} serious findings on ${findings.size} views (${[...findings.keys()].join(', ')})`);
    await browser?.close();
  });

  /** What hinders people on a view is nothing. */
  async function judge(visitor: Visitor, view: string): Promise<void> {
    const found = await visitor.findings();
    findings.set(view, found.length);
    assert.deepEqual(found, [], view);
  }

  /** Neither did the browser refuse something, nor did the page throw. */
  async function leave(visitor: Visitor): Promise<void> {
    assert.deepEqual(visitor.problems, []);
    await visitor.close();
  }

  it('takes a tenant from a launch to a deletion', { timeout: 90_000 }, async () => {
    const tenant = await enter(browser, service, { cloud: 'xloud-demo' });
    await tenant.see('No servers yet');
    await judge(tenant, 'no servers');

    await tenant.go('/servers/launch');
    await tenant.fill('Name', 'shop');
    await tenant.choose('Template', 'web-server');
    await tenant.fill('Port', '8080');
    await tenant.click('.plan-card ::-p-text(elastic)');
    await judge(tenant, 'launch');
    await tenant.press('Launch for $0.01 an hour');
    await tenant.see(/Running/);
    const id = await eventually('its page', LATER_MS, () => /servers\/([\w-]{36})/.exec(tenant.page.url())?.[1]);
    await tenant.see('vCPUs');
    const shown = (await compute('xloud-demo', 'GET', `/servers/${id}`)).body.server;
    assert.deepEqual(shown.metadata, { 'xloud:template': 'web-server', 'xloud:template.port': '8080' });

    // up: what would happen and what it costs while it is held, and what happens when it is let go
    await tenant.drag('vCPUs', 3 / 7, async () => {
      await tenant.see('At once, while it runs');
      await tenant.see('$0.019 an hour');
    });
    await tenant.see('Confirmed by the guest');
    await eventually('4 vCPUs', LATER_MS, async () => {
      const { vcpus } = (await compute('xloud-demo', 'GET', `/os-xloud-adjust/${id}`)).body;
      return (vcpus.current === 4 && vcpus.guest_online === 4) || null;
    });
    await tenant.drag('Memory', 1, () => tenant.see('8 GiB'));
    await eventually('8 GiB', LATER_MS, async () => {
      const { memory_mb } = (await compute('xloud-demo', 'GET', `/os-xloud-adjust/${id}`)).body;
      return memory_mb.current === 8192 || null;
    });
    await judge(tenant, 'server');
    // down, and back
    await tenant.drag('vCPUs', 0);
    await tenant.see('Back to 4 vCPU, 8 GiB');
    await eventually('1 vCPU', LATER_MS, async () => {
      const { vcpus } = (await compute('xloud-demo', 'GET', `/os-xloud-adjust/${id}`)).body;
      return vcpus.target === 1 || null;
    });

    await tenant.press('Snapshots & backups', 'link');
    await tenant.press('Take a snapshot');
    await tenant.fill('Name', 'before');
    await judge(tenant, 'snapshot');
    await tenant.submit();
    await tenant.see('available');
    await tenant.press('Make a backup');
    await tenant.fill('Name', 'monday');
    await tenant.submit();
    await tenant.see('whole');
    await tenant.press('What to do with before');
    await tenant.press('Restore', 'menuitem');
    await tenant.see('Restore before?');
    await tenant.submit();
    await tenant.missing('Restore before?');
    await tenant.press('Switch on');
    await tenant.see('30 2 * * *');
    await judge(tenant, 'copies');

    // a backup outlives its server, and becomes another
    await tenant.go('/backups');
    await tenant.see('monday');
    await judge(tenant, 'backups');
    await tenant.press('What to do with monday');
    await tenant.press('Verify', 'menuitem');
    await tenant.see(/verified/);
    await tenant.press('What to do with monday');
    await tenant.press('New server of it …', 'menuitem');
    await tenant.fill('Name', 'again');
    await tenant.submit();
    await tenant.see('again');
    await tenant.see('Running');
    await tenant.press('More');
    await tenant.press('Delete', 'menuitem');
    await tenant.submit();
    await tenant.see('Launch a server');
    await tenant.go(`/servers/${id}`);

    await tenant.press('History', 'link');
    await tenant.see('Adjust');
    await tenant.see('Create');
    await judge(tenant, 'history');

    await tenant.press('Console', 'link');
    const frame = await tenant.page.waitForSelector('iframe.console-frame');
    const inside = await frame?.contentFrame();
    await inside?.waitForSelector('::-p-text(Connected)', { timeout: LATER_MS });
    await tenant.press('Serial line');
    await eventually(
      'the serial line',
      LATER_MS,
      () => tenant.page.frames().some((one) => one.url().includes('/console/?token')) || null,
    );
    await tenant.press('Log');
    await tenant.page.waitForSelector('pre.console-log');
    await judge(tenant, 'console');

    await tenant.go('/policies');
    await tenant.press('New policy');
    await tenant.fill('Name', 'by need');
    await judge(tenant, 'new policy');
    await tenant.submit();
    await tenant.press('What it decided');
    await tenant.see('Nothing was decided yet.');
    await judge(tenant, 'policies');
    for (const [path, view, text] of [
      ['/networks', 'networks', 'private'],
      ['/project', 'quota and costs', 'Floating addresses'],
    ] as const) {
      await tenant.go(path);
      await tenant.see(text);
      await judge(tenant, view);
    }

    await tenant.go(`/servers/${id}`);
    await tenant.press('More');
    await tenant.press('Delete', 'menuitem');
    await tenant.see('Delete shop?');
    await tenant.submit();
    await tenant.see('No servers yet');
    await leave(tenant);
  });

  it('says why a size is refused, and leaves the server as it is', async () => {
    const id = await server('xloud-demo', 'small-quota');
    const project = (await compute('xloud-demo', 'GET', `/servers/${id}`)).body.server.tenant_id as string;
    await compute('xloud', 'PUT', `/os-quota-sets/${project}`, { quota_set: { cores: 2 } });
    const tenant = await enter(browser, service, { cloud: 'xloud-demo' });
    await tenant.go(`/servers/${id}`);
    await tenant.drag('vCPUs', 1);
    await tenant.see('Not possible');
    await tenant.see(/[Qq]uota/);
    await judge(tenant, 'refused');
    const { vcpus } = (await compute('xloud-demo', 'GET', `/os-xloud-adjust/${id}`)).body;
    assert.equal(vcpus.target, 1);
    await tenant.press('Cancel');
    await compute('xloud', 'PUT', `/os-quota-sets/${project}`, { quota_set: { cores: 200 } });
    await compute('xloud-demo', 'DELETE', `/servers/${id}`);
    await leave(tenant);
  });

  it('lets an operator move a server that lacks room, and grow it there', async () => {
    const [host] = (await compute('xloud', 'GET', '/os-hypervisors')).body.hypervisors;
    const on = { availability_zone: `nova:${host.hypervisor_hostname}` };
    const id = await server('xloud', 'wants-more', on);
    const other = await server('xloud', 'is-there', on);
    await compute('xloud', 'POST', `/os-xloud-adjust/${other}`, { current_vcpus: 5 });
    const operator = await enter(browser, service, { cloud: 'xloud' });
    await operator.go(`/servers/${id}`);
    await operator.drag('vCPUs', 5 / 7);
    await operator.see('Its host is full: after a move to another, while it runs');
    await judge(operator, 'growth by a move');
    assert.equal((await compute('xloud', 'GET', `/os-xloud-adjust/${id}`)).body.vcpus.target, 1, 'only asked');
    await operator.press('Move it and grow');
    await eventually('6 vCPUs elsewhere', LATER_MS, async () => {
      const { vcpus } = (await compute('xloud', 'GET', `/os-xloud-adjust/${id}`)).body;
      const { server: found } = (await compute('xloud', 'GET', `/servers/${id}`)).body;
      return (vcpus.current === 6 && found['OS-EXT-SRV-ATTR:host'] !== host.hypervisor_hostname) || null;
    });
    await operator.see('Confirmed by the guest');
    await leave(operator);
  });

  it('is led by the keyboard alone', async () => {
    const id = await server('xloud-demo', 'by-keys');
    const tenant = await enter(browser, service, { cloud: 'xloud-demo' });
    await tenant.see('by-keys');
    const { keyboard } = tenant.page;
    await keyboard.press('/');
    await keyboard.type('by-k');
    assert.equal(await tenant.page.evaluate('document.activeElement.value'), 'by-k');
    await tenant.page.focus('.cell-name a');
    await keyboard.press('Enter');
    await tenant.see('Size');
    await tenant.page.waitForSelector('input[type=range]');
    await tenant.page.focus('input[type=range]');
    await keyboard.press('ArrowRight');
    await tenant.see('At once, while it runs');
    // a key only asks; the button does
    assert.equal((await compute('xloud-demo', 'GET', `/os-xloud-adjust/${id}`)).body.vcpus.target, 1);
    await tenant.page.focus('.size-foot .primary');
    await keyboard.press('Enter');
    await eventually('2 vCPUs', LATER_MS, async () => {
      const { vcpus } = (await compute('xloud-demo', 'GET', `/os-xloud-adjust/${id}`)).body;
      return vcpus.target === 2 || null;
    });
    await tenant.page.focus('.head-actions .menu > button');
    await keyboard.press('Enter');
    await keyboard.press('End');
    assert.equal(await tenant.page.evaluate('document.activeElement.innerText'), 'Delete');
    await keyboard.press('Enter');
    await tenant.see('Delete by-keys?');
    await keyboard.press('Escape');
    await tenant.missing('Delete by-keys?');
    await compute('xloud-demo', 'DELETE', `/servers/${id}`);
    await leave(tenant);
  });

  it('does with many at once what is asked, live for whoever looks on', async () => {
    const ids = [];
    for (const name of ['one', 'two', 'three']) ids.push(await server('xloud-demo', name));
    const onlooker = await enter(browser, service, { cloud: 'xloud-demo' });
    const tenant = await enter(browser, service, { cloud: 'xloud-demo' });
    await onlooker.see('Live');
    await tenant.see('three');
    await tenant.press('Choose all that are shown', 'checkbox');
    await tenant.see('3 chosen');
    await judge(tenant, 'many chosen');
    await tenant.press('Stop');
    await tenant.see('3 of 3');
    await onlooker.see(/Off\n[^]*Off\n[^]*Off/);
    await tenant.press('Choose all that are shown', 'checkbox');
    await tenant.press('Delete');
    await tenant.see('This is done with 3 servers');
    await tenant.submit();
    await onlooker.see('No servers yet');
    await leave(tenant);
    await leave(onlooker);
    assert.equal(ids.length, 3);
  });

  it('shows hostile words as the words that they are', async () => {
    const id = await server('xloud-demo', HOSTILE, {
      metadata: { 'xloud:x': HOSTILE },
      tags: ['<b>'],
      description: HOSTILE,
    });
    await compute('xloud-demo', 'POST', `/servers/${id}/action`, { lock: { locked_reason: HOSTILE } });
    await compute('xloud-demo', 'POST', `/servers/${id}/os-xloud-snapshots`, { snapshot: { name: HOSTILE } });
    const tenant = await enter(browser, service, { cloud: 'xloud-demo' });
    await tenant.page.evaluate('window.alert = () => document.body.dataset.attacked = "yes"');
    await tenant.see(HOSTILE);
    for (const part of ['', '/console', '/copies', '/history']) {
      await tenant.go(`/servers/${id}${part}`);
      await tenant.see(HOSTILE);
    }
    const networks = '/network/v2.0/networks';
    const made = await service.request('xloud-demo', 'POST', networks, { network: { name: HOSTILE } });
    assert.equal(made.status, 201);
    await tenant.go('/networks');
    await tenant.page.waitForSelector('.net-node.server');
    await tenant.see(HOSTILE);
    await service.request('xloud-demo', 'DELETE', `${networks}/${made.body.network.id}`);
    await tenant.go('/<img src=x onerror=alert(1)>');
    await tenant.see('There is nothing at this address.');
    assert.equal(await tenant.page.evaluate('document.body.dataset.attacked ?? "no"'), 'no');
    assert.equal(await tenant.page.evaluate('document.querySelectorAll("img").length'), 0);
    await compute('xloud-demo', 'POST', `/servers/${id}/action`, { unlock: null });
    await compute('xloud-demo', 'DELETE', `/servers/${id}`);
    await leave(tenant);
  });

  it('lets an operator see hosts, empty one, set prices and see what is healthy', { timeout: 90_000 }, async () => {
    const id = await server('xloud-demo', 'mover');
    const host = (await compute('xloud', 'GET', `/servers/${id}`)).body.server['OS-EXT-SRV-ATTR:host'] as string;
    const operator = await enter(browser, service, { cloud: 'xloud', width: 1400 });
    await operator.press('All projects', 'checkbox');
    await operator.see('mover');
    await operator.see(host);
    await judge(operator, 'servers of all');
    await operator.go('/hosts');
    await operator.see('vCPUs per processor');
    await judge(operator, 'hosts');
    const card = `section.host[aria-label="${host}"]`;
    await operator.click(`${card} .host-foot button`);
    await operator.see(`Empty ${host}?`);
    await operator.see('moves as it runs');
    await judge(operator, 'drain');
    await operator.submit();
    await operator.see('1 of 1');
    await operator.see('maintenance');
    const moved = (await compute('xloud', 'GET', `/servers/${id}`)).body.server['OS-EXT-SRV-ATTR:host'];
    assert.notEqual(moved, host);
    await operator.press('Enable');
    await operator.see(`${host} takes servers again.`);
    await operator.press('Balance …');
    await operator.press('Show the plan');
    await operator.see(/No move opens room|→/);
    await operator.page.keyboard.press('Escape');

    await operator.go('/prices');
    await operator.fill('A GiB of volume, an hour', '0.0002');
    await operator.press('Set prices');
    await operator.see('The new prices hold from now on.');
    assert.equal((await compute('xloud', 'GET', '/os-xloud-prices')).body.prices.volume, '0.000200');
    await operator.see('demo');
    await judge(operator, 'prices');

    await operator.go('/health');
    await operator.see('Ready');
    await operator.see('conductor');
    await judge(operator, 'health');

    await leave(operator);
  });

  it('fits a phone, also in the dark', async () => {
    const ids = [
      await server('xloud-demo', 'a-server-with-quite-a-long-name-on-a-phone'),
      await server('xloud-demo', 'b'),
    ];
    const visitor = await enter(browser, service, { cloud: 'xloud-demo', width: 360, height: 720, dark: true });
    const places = [
      '/servers',
      `/servers/${ids[0]}`,
      `/servers/${ids[0]}/copies`,
      '/networks',
      '/project',
      '/servers/launch',
    ];
    for (const place of places) {
      await visitor.go(place);
      await visitor.see(place === '/project' ? 'Quota' : place === '/networks' ? 'private' : /server/);
      assert.ok((await visitor.overflow()) <= 0, `${place} is wider than the phone`);
      await judge(visitor, `${place.replace(/[\w-]{36}/, 'ID')} on a phone in the dark`);
    }
    for (const id of ids) await compute('xloud-demo', 'DELETE', `/servers/${id}`);
    await leave(visitor);
  });

  it('asks to sign in again when the token is no longer good, and goes on where one was', async () => {
    const visitor = await enter(browser, service, { cloud: 'xloud-demo' });
    await visitor.go('/project');
    await visitor.see('Quota');
    const kept = JSON.parse(String(await visitor.page.evaluate('sessionStorage.getItem("xloud.session")')));
    const revoked = await fetchPage('/dashboard/identity/v3/auth/tokens', {
      method: 'DELETE',
      headers: { 'X-Auth-Token': kept.token, 'X-Subject-Token': kept.token },
    });
    assert.equal(revoked.status, 204);
    await visitor.go('/networks');
    await visitor.see('Your session has ended.', 30_000);
    await signIn(visitor, credentials(service, 'xloud-demo'));
    await visitor.see('private');

    // a new tab of the same browser asks nobody, and signing out is for all of them
    const tab = await visitor.page.browserContext().newPage();
    await tab.goto(`${service.url}/dashboard#/project`);
    await tab.waitForSelector('::-p-text(Quota)');
    await visitor.page.bringToFront();
    await visitor.press('demo');
    await visitor.press('Sign out', 'menuitem');
    await visitor.see('Sign in to xloud');
    await tab.bringToFront();
    await tab.waitForSelector('::-p-text(Sign in to xloud)');
    assert.equal(await visitor.page.evaluate('sessionStorage.getItem("xloud.session")'), null);
    await leave(visitor);
  });
});

describe('a stop of the service', () => {
  it('ends the streams of the dashboard, and does not wait for them', async () => {
    const news = await follow(await tokenOf('xloud'), AbortSignal.timeout(LATER_MS));
    await eventually('a greeting', LATER_MS, () => news.text().includes('event: hello') || null);
    const beganMs = performance.now();
    await service.kill('SIGTERM');
    await service.ended(LATER_MS);
    assert.ok(performance.now() - beganMs < 5_000, `${performance.now() - beganMs} ms`);
    assert.match(news.text(), /event: bye/);
  });
});
