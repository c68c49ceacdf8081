// Why: how our own panel looks in OpenStack's dashboard, in a browser.

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'puppeteer-core';
import { parse } from 'yaml';
import { startBrowser } from '../../test/support/browser.ts';
import { eventually } from '../../test/support/serve.ts';
import type { Dashboard } from './start.ts';

const VIEW = { width: 1280, height: 720 };
const PATIENCE_MS = 120_000;

async function login(page: Page, { site, service }: Dashboard): Promise<void> {
  const { clouds } = parse(readFileSync(join(service.dataDir, 'clouds.yaml'), 'utf8'));
  const { username, password } = clouds['xloud-demo'].auth;
  await page.goto(`${site}/auth/login/`);
  await page.type('#id_username', username);
  await page.type('#id_password', password);
  await Promise.all([page.waitForNavigation(), page.click('button[type=submit]')]);
}

/** A server of the demo project, 1 to 4 vCPUs, 256 to 1,024 MiB, which runs. */
async function makeServer({ service }: Dashboard): Promise<string> {
  const ask = async (who: 'xloud' | 'xloud-demo', method: string, path: string, body?: unknown) => {
    const answer = await service.request(who, method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const flavor = { id: 'pictured', name: 'pictured', vcpus: 4, ram: 1024, disk: 1 };
  await ask('xloud', 'POST', '/compute/v2.1/flavors', { flavor });
  const specs = { minimum_cpu: '1', minimum_memory: '256' };
  await ask('xloud', 'POST', '/compute/v2.1/flavors/pictured/os-extra_specs', { extra_specs: specs });
  const { images } = await ask('xloud', 'GET', '/image/v2/images?name=tiny');
  const named = { name: 'web', flavorRef: flavor.id, imageRef: images[0].id, networks: 'none' };
  const { server } = await ask('xloud-demo', 'POST', '/compute/v2.1/servers', { server: named });
  await eventually('the server', PATIENCE_MS, async () => {
    const shown = await ask('xloud-demo', 'GET', `/compute/v2.1/servers/${server.id}`);
    return shown.server.status === 'ACTIVE' ? true : null;
  });
  return server.id;
}

/** horizon-sizes.png, horizon-adjust.png and horizon-size.png in a directory, by clicks as a user makes them. */
export async function takePictures(dashboard: Dashboard, directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const id = await makeServer(dashboard);
  const browser = await startBrowser();
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    await page.setViewport(VIEW);
    const picture = (name: string) => page.screenshot({ path: join(directory, `${name}.png`) });
    await login(page, dashboard);
    await page.goto(`${dashboard.site}/project/sizes/`);
    await picture('horizon-sizes');
    await page.click(`a[href$="${id}/adjust"]`);
    await page.waitForSelector('input[name=vcpus]', { visible: true });
    await page.click('input[name=vcpus]', { count: 3 });
    await page.keyboard.type('3');
    await page.waitForNetworkIdle();
    await picture('horizon-adjust');
    await Promise.all([page.waitForNavigation(), page.click('#adjust_size_form input[type=submit]')]);
    await page.goto(`${dashboard.site}/project/instances/${id}/?tab=instance_details__size`);
    await picture('horizon-size');
  } finally {
    await browser.close();
  }
  console.log(`horizon: pictures of the panel: ${directory}`);
}
