// The dashboard where identity is a real Keystone: the browser speaks to the service alone, which passes on what signing in takes.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'puppeteer-core';
import { startBrowser, withoutBrowser } from '../support/browser.ts';
import { signIn, visit } from '../support/dashboard.ts';
import { keystoneMissing, startKeystone, type TestKeystone } from '../support/keystone.ts';
import { type Service, startService } from '../support/serve.ts';

describe('the dashboard with a real Keystone', { skip: keystoneMissing() ?? withoutBrowser }, () => {
  let keystone: TestKeystone;
  let service: Service;
  let browser: Browser;

  before(async () => {
    keystone = await startKeystone({ provider: 'jws' });
    service = await startService({
      driver: 'fake',
      env: {
        XLOUD_IDENTITY__AUTH_URL: keystone.authUrl,
        XLOUD_IDENTITY__PUBLIC_KEYS_DIR: keystone.publicKeysDir,
        XLOUD_IDENTITY__PASSWORD: '',
      },
    });
    browser = await startBrowser();
  });
  after(async () => {
    await browser?.close();
    await service?.close();
    await keystone?.stop();
  });

  it('signs in by it, hears what changes, and says in its words what it refuses', async () => {
    const visitor = await visit(browser, service.url, {});
    await visitor.see('Sign in to xloud');
    await signIn(visitor, { user: 'admin', password: 'wrong' });
    await visitor.see('The request you have made requires authentication.');
    await signIn(visitor, { user: 'admin', password: keystone.adminPassword });
    await visitor.see('Launch a server');
    await visitor.see('Live');
    await visitor.go('/hosts');
    await visitor.see('vCPUs per processor');
    assert.deepEqual(visitor.problems, []);
    await visitor.close();
  });
});
