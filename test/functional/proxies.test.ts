// Behind a proxy that speaks TLS and serves us below a path, every URL that the services utter leads back through it: told by its
// headers (nginx) or by our configuration (HAProxy). What a client says of itself is not believed behind either. The stock client and a browser live there too.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse, stringify } from 'yaml';
import { startBrowser, withoutBrowser } from '../support/browser.ts';
import { enter } from '../support/dashboard.ts';
import { type Front, type FrontName, frontLines, placeFront, withoutFront } from '../support/front.ts';
import { type ClientProcess, startClientProcess, withoutClient } from '../support/openstack/process.ts';
import { eventually, type Service, startService } from '../support/serve.ts';

interface Told {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

const fronts: Readonly<Record<FrontName, (url: string) => Readonly<Record<string, string>>>> = {
  nginx: () => ({ XLOUD_API__TRUSTED_PROXIES: '127.0.0.1' }),
  haproxy: (url) => ({ XLOUD_API__PUBLIC_URL: url }),
};

/** Addresses in answers that are not ours, and are told to everybody. */
const OTHERS =
  /^https?:\/\/(docs\.openstack\.org|spec\.openapis\.org|json-schema\.org|any\.host|www\.w3\.org|cloud\.example[:/])/;
const URLS = /\b(?:https?|wss?):\/\/[^\s"'<>\\)]+/g;

/** What the pages that are asked for say other than 200. */
const OTHER_STATUS = { '/compute/v9': 300, '/identity/': 300, '/nowhere': 404 };

for (const name of Object.keys(fronts) as FrontName[]) {
  describe(`behind ${name}`, { skip: withoutFront(name) }, () => {
    let front: Front;
    let service: Service;
    let token: string;
    let certificate: string;

    before(async () => {
      const place = await placeFront(name);
      service = await startService({ driver: 'fake', env: fronts[name](place.url) });
      front = await place.begin(service.url);
      certificate = readFileSync(front.certificate, 'utf8');
    });
    after(async () => {
      await front.close();
      await service.close();
    });

    const ask = (method: string, url: string, body?: unknown, headers: Record<string, string> = {}): Promise<Told> =>
      new Promise((resolve, reject) => {
        const asked = request(
          url,
          {
            method,
            ca: certificate,
            headers: { ...(token === undefined ? {} : { 'X-Auth-Token': token }), ...headers },
          },
          (response) => {
            let text = '';
            response.setEncoding('utf8').on('data', (part: string) => (text += part));
            response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
          },
        );
        asked.on('error', reject);
        asked.end(body === undefined ? undefined : body instanceof Uint8Array ? body : JSON.stringify(body));
      });

    /** Every address in an answer; fails on one that does not lead back through the front. */
    function addressesIn(what: string, { headers, text }: Told): string[] {
      const all = [...`${JSON.stringify(headers)} ${text}`.matchAll(URLS)].map(([address]) => address);
      const here = front.url.replace('https:', '');
      for (const address of all) {
        if (OTHERS.test(address)) continue;
        const [, after = ''] = /^(?:https|wss):(.*)$/.exec(address) ?? [];
        assert.ok(after.startsWith(here) && /^(?:$|[/?#])/.test(after.slice(here.length)), `${what}: ${address}`);
      }
      return all.filter((address) => !OTHERS.test(address));
    }

    async function login(): Promise<void> {
      const { clouds } = parse(readFileSync(join(service.dataDir, 'clouds.yaml'), 'utf8'));
      const { username, password, project_name } = clouds.xloud.auth;
      const domain = { name: 'Default' };
      const auth = {
        identity: { methods: ['password'], password: { user: { name: username, password, domain } } },
        scope: { project: { name: project_name, domain } },
      };
      const answer = await ask('POST', `${front.url}/identity/v3/auth/tokens`, { auth });
      assert.equal(answer.status, 201, answer.text);
      assert.ok(addressesIn('the catalog', answer).length >= 12);
      token = answer.headers['x-subject-token'] as string;
    }

    /** Makes a server and all that is needed for it, by the API. */
    async function makeServer(): Promise<string> {
      const made = await ask('POST', `${front.url}/image/v2/images`, {
        name: 'i',
        disk_format: 'raw',
        container_format: 'bare',
      });
      assert.equal(addressesIn('the Location of an image', made).length > 0, true);
      const image = JSON.parse(made.text).id;
      // more than nginx lets through by itself
      const uploaded = await ask('PUT', `${front.url}/image/v2/images/${image}/file`, new Uint8Array(2 * 1024 * 1024), {
        'Content-Type': 'application/octet-stream',
      });
      assert.equal(uploaded.status, 204, uploaded.text);
      await ask('POST', `${front.url}/image/v2/images`, { name: 'j', disk_format: 'raw', container_format: 'bare' });
      for (const id of ['1', '2']) {
        await ask(
          'POST',
          `${front.url}/compute/v2.1/flavors`,
          { flavor: { name: id, id, vcpus: 1, ram: 64, disk: 1 } },
          { 'Content-Type': 'application/json' },
        );
      }
      const body = { server: { name: 's', flavorRef: '1', imageRef: image } };
      for (let count = 0; count < 2; count += 1) {
        const answer = await ask('POST', `${front.url}/compute/v2.1/servers`, body, {
          'Content-Type': 'application/json',
        });
        assert.equal(answer.status, 202, answer.text);
        addressesIn('the Location of a server', answer);
      }
      await ask('POST', `${front.url}/network/v2.0/networks`, { network: { name: 'n' } });
      return eventually('a server', 30_000, async () => {
        const { servers } = JSON.parse((await ask('GET', `${front.url}/compute/v2.1/servers/detail`)).text);
        return servers.length === 2 && servers.every(({ status }: { status: string }) => status === 'ACTIVE')
          ? servers[0].id
          : null;
      });
    }

    let server: string;

    it('every address leads back, and can be followed', async () => {
      const refused = await ask('GET', `${front.url}/compute/v2.1/servers`);
      assert.equal(refused.status, 401);
      assert.equal(refused.headers['www-authenticate'], `Keystone uri="${front.url}/identity/v3"`);
      await login();
      server = await makeServer();
      const compute = `${front.url}/compute/v2.1`;
      const pages = [
        front.url.concat('/'),
        ...[
          '/compute/',
          '/compute/v2.1/',
          '/compute/v2/',
          '/compute/v9',
          '/identity/',
          '/identity/v3',
          '/image/versions',
          '/network/',
          '/network/v2.0',
        ].map((path) => front.url + path),
        ...[
          'servers?limit=1',
          'servers/detail?limit=1',
          `servers/${server}`,
          'flavors?limit=1',
          'flavors/detail',
          'images',
          'images/detail',
          'os-simple-tenant-usage',
          'os-keypairs',
          'extensions',
        ].map((path) => `${compute}/${path}`),
        ...[
          'services',
          'endpoints',
          'regions',
          'users?limit=1',
          'projects',
          'roles',
          'domains',
          'auth/catalog',
          'auth/tokens',
        ].map((path) => `${front.url}/identity/v3/${path}`),
        ...['networks?limit=1', 'subnets', 'ports', 'security-groups', 'extensions'].map(
          (path) => `${front.url}/network/v2.0/${path}`,
        ),
        ...['images?limit=1', 'schemas/image', 'schemas/images'].map((path) => `${front.url}/image/v2/${path}`),
        `${front.url}/docs`,
        `${front.url}/openapi.json`,
        `${front.url}/nowhere`,
      ];
      const followed = new Set<string>();
      const other: Record<string, number> = {};
      for (const page of pages) {
        const answer = await ask('GET', page, undefined, { 'X-Subject-Token': token });
        if (answer.status !== 200) other[page.slice(front.url.length)] = answer.status;
        // examples of other clouds
        if (page.endsWith('/docs')) continue;
        for (const address of addressesIn(page, answer)) if (address.startsWith('https:')) followed.add(address);
      }
      assert.deepEqual(other, OTHER_STATUS);
      assert.ok([...followed].filter((address) => address.includes('marker=')).length >= 4, 'pages have next ones');
      const lost: string[] = [];
      for (const address of followed) {
        if (address.includes('{') || address.includes('%7B')) continue;
        const { status } = await ask('GET', address, undefined, { 'X-Subject-Token': token });
        if (status >= 400) lost.push(`${status} ${address}`);
      }
      const images = JSON.parse((await ask('GET', `${front.url}/image/v2/images`)).text).images;
      const nowhere = [
        // of a version that there is none of, the same below those that there are
        ...['/compute/v2/v9', '/compute/v2.1/v9'],
        // the alternate links of images are Nova's, which lead nowhere there either
        ...images.map(({ id }: { id: string }) => `/image/images/${id}`),
      ];
      assert.equal(images.length, 2);
      assert.deepEqual(lost.toSorted(), nowhere.map((path) => `404 ${front.url}${path}`).toSorted());
    });

    it('the stock client lives there', { skip: withoutClient('debian') }, async () => {
      const file = join(service.dataDir, 'outside.yaml');
      const { clouds } = parse(readFileSync(join(service.dataDir, 'clouds.yaml'), 'utf8'));
      clouds.xloud.cacert = front.certificate;
      if (name === 'haproxy') assert.equal(clouds.xloud.auth.auth_url, `${front.url}/identity/v3`);
      clouds.xloud.auth.auth_url = `${front.url}/identity/v3`;
      writeFileSync(file, stringify({ clouds }));
      const client: ClientProcess = await startClientProcess('debian', file, service.dataDir);
      try {
        const say = async (...words: string[]): Promise<string> => {
          const { status, out, err } = await client.ask(words);
          assert.equal(status, 0, `${words.join(' ')}: ${err}`);
          return out;
        };
        assert.match(await say('server', 'list'), /ACTIVE/);
        assert.match(await say('image', 'list'), /active/);
        assert.match(await say('network', 'list'), /private/);
        assert.match(await say('catalog', 'list'), new RegExp(front.url));
        await say('server', 'reboot', '--hard', '--wait', server);
      } finally {
        await client.close();
      }
    });

    it('a console opens in a browser', { skip: withoutBrowser }, async () => {
      const answer = await ask(
        'POST',
        `${front.url}/compute/v2.1/servers/${server}/remote-consoles`,
        { remote_console: { protocol: 'vnc', type: 'novnc' } },
        { 'Content-Type': 'application/json', 'OpenStack-API-Version': 'compute 2.8' },
      );
      const { url } = JSON.parse(answer.text).remote_console;
      assert.ok(url.startsWith(`${front.url}/console/vnc_lite.html?`), url);
      const browser = await startBrowser();
      try {
        const page = await browser.newPage();
        await page.goto(url);
        await page.waitForFunction('document.getElementById("status").textContent === "Connected"', {
          timeout: 15_000,
        });
      } finally {
        await browser.close();
      }
    });

    it('the dashboard is signed in to, and hears what changes', { skip: withoutBrowser }, async () => {
      const browser = await startBrowser();
      try {
        const visitor = await enter(browser, { url: front.url, dataDir: service.dataDir }, { cloud: 'xloud' });
        await visitor.see('Live');
        assert.deepEqual(visitor.problems, []);
        await visitor.close();
      } finally {
        await browser.close();
      }
    });
  });

  describe(`what a client says of itself to ${name}`, { skip: withoutFront(name) }, () => {
    let front: Front;
    let service: Service;

    before(async () => {
      const place = await placeFront(name);
      service = await startService({ driver: 'fake', env: { XLOUD_API__TRUSTED_PROXIES: '127.0.0.1' } });
      front = await place.begin(service.url);
    });
    after(async () => {
      await front.close();
      await service.close();
    });

    it('chooses neither its address nor the addresses that it is told', async () => {
      const path = '/compute/v2.1/servers/of-a-liar';
      const headers = {
        Forwarded: 'for=203.0.113.77;proto=http;host=evil.example',
        'X-Forwarded-For': '203.0.113.77',
        'X-Forwarded-Proto': 'http',
        'X-Forwarded-Host': 'evil.example',
        'X-Forwarded-Prefix': '/evil',
      };
      const ca = readFileSync(front.certificate, 'utf8');
      // from an address that is not the proxy's
      const asked = request(`${front.url}${path}`, { ca, headers, localAddress: '127.0.0.2' });
      const [response] = (await once(asked.end(), 'response')) as [IncomingMessage];
      response.resume();
      assert.equal(response.statusCode, 401);
      assert.equal(response.headers['www-authenticate'], `Keystone uri="${front.url}/identity/v3"`);
      const line = await eventually('the log', 5_000, () =>
        service
          .log()
          .split('\n')
          .find((text) => text.includes('of-a-liar')),
      );
      assert.equal(JSON.parse(line).client, '127.0.0.2');
    });

    it('is stopped by the lines that the page on operating gives, and by no others', () => {
      const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'operating.md'), 'utf8');
      const block = new RegExp(`^\`\`\`${name}\\n(.*?)^\`\`\`$`, 'ms').exec(page)?.[1] ?? '';
      const lines = block.split('\n').map((line) => line.trim());
      assert.deepEqual(
        lines.filter((line) => line !== '' && !line.startsWith('#')),
        frontLines[name](8774),
      );
    });
  });
}
