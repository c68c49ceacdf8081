// The dashboard over real guests, as people use it: a tenant launches servers, makes one grow and shrink, is refused with the reason, looks
// at its console, takes a snapshot, goes back to it and deletes everything; an operator looks on. Whoever names a folder in
// XLOUD_SCREENSHOTS is given pictures of it. Needs root, a hypervisor's packages and a browser.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'puppeteer-core';
import { startBrowser, withoutBrowser } from '../support/browser.ts';
import { enter, type Visitor, visit } from '../support/dashboard.ts';
import { type GuestService, startGuestService } from '../support/serve-guest.ts';
import { eventually } from '../support/serve.ts';

const BOOT_MS = 240_000;
const CHANGE_MS = 60_000;
const LOOK_MS = 250;
const PICTURES = process.env['XLOUD_SCREENSHOTS'] ?? '';
const SIZE = { width: 1180, height: 760 };

describe('the dashboard on libvirt', { skip: withoutBrowser, concurrency: 1 }, () => {
  let world: GuestService;
  let browser: Browser;
  let tenant: Visitor;
  let id: string;
  const findings = new Map<string, number>();

  before(async () => {
    const prices = { 'price:hour': '0.0080', 'price:vcpu_hour': '0.0030', 'price:memory_gb_hour': '0.0015' };
    world = await startGuestService({ flavor: { vcpus: 4, ram: 1024 }, specs: prices });
    browser = await startBrowser();
  });
  after(async () => {
    const all = [...findings.values()].reduce((sum, count) => sum + count, 0);
    console.log(`  axe-core: ${all} serious findings on ${findings.size} views`);
    await browser?.close();
    await world?.close();
  });

  async function picture(visitor: Visitor, name: string, size = SIZE): Promise<void> {
    const found = await visitor.findings();
    findings.set(name, found.length);
    assert.deepEqual(found, [], name);
    if (PICTURES === '') return;
    await visitor.page.setViewport(size);
    await visitor.page.screenshot({ path: join(PICTURES, `${name}.png`) as `${string}.png` });
    await visitor.page.setViewport(SIZE);
  }

  const adjustment = async () => (await world.compute('GET', `/os-xloud-adjust/${id}`)).body;
  const adjusted = (what: string, is: (found: Awaited<ReturnType<typeof adjustment>>) => boolean) =>
    eventually(what, CHANGE_MS, async () => is(await adjustment()) || null, LOOK_MS);

  it('launches servers that boot', { timeout: BOOT_MS + 60_000 }, async () => {
    const nobody = await visit(browser, world.service.url, SIZE);
    await nobody.see('Sign in to xloud');
    await picture(nobody, 'sign-in', { width: 640, height: 560 });
    await nobody.close();

    tenant = await enter(browser, world.service, { cloud: 'xloud-demo', ...SIZE });
    await tenant.go('/servers/launch');
    await tenant.fill('Name', 'shop');
    await tenant.fill('How many', '2');
    await tenant.choose('Template', 'default');
    const image = await tenant.page.waitForSelector('::-p-aria([name="Image"])');
    await image?.select(world.imageRef);
    await picture(tenant, 'launch');
    await tenant.press('Launch for $0.016 an hour');
    await tenant.see('shop-1');
    await tenant.see(/Running[^]*Running/, BOOT_MS);
    id = await eventually('its id', CHANGE_MS, async () => {
      const { body } = await world.compute('GET', '/servers?all_tenants=1&name=shop-1');
      return body.servers[0]?.id as string | undefined;
    });
    // its agent answers, so that a size can be confirmed
    await eventually(
      'the guest',
      BOOT_MS,
      () =>
        world.inside(id, 'echo up').then(
          () => true,
          () => null,
        ),
      1_000,
    );
    await world.inside(
      id,
      '(while :; do dd if=/dev/zero of=/dev/null bs=1M count=400; sleep 1; done) >/dev/null 2>&1 &',
    );
    await picture(tenant, 'servers', { width: 1180, height: 420 });
  });

  it('makes one grow and shrink by its sliders', { timeout: 240_000 }, async () => {
    await tenant.go(`/servers/${id}`);
    await tenant.drag('vCPUs', 2 / 3, async () => {
      await tenant.see('At once, while it runs');
      await tenant.see('$0.014 an hour');
      await picture(tenant, 'slider');
    });
    await adjusted('3 vCPUs in the guest', ({ vcpus, status }) => vcpus.guest_online === 3 && status === 'idle');
    assert.equal((await world.inside(id, 'cat /sys/devices/system/cpu/online')).trim(), '0-2');
    await tenant.drag('Memory', 2 / 3);
    await adjusted('768 MiB', ({ memory_mb, status }) => memory_mb.current === 768 && status === 'idle');
    await tenant.see('Confirmed by the guest');
    // some looks of what it takes
    await new Promise((resolve) => setTimeout(resolve, 25_000));
    await picture(tenant, 'server', { width: 1180, height: 1120 });
    await tenant.drag('vCPUs', 0);
    await adjusted('1 vCPU in the guest', ({ vcpus }) => vcpus.guest_online === 1);
    assert.equal((await world.inside(id, 'cat /sys/devices/system/cpu/online')).trim(), '0');
    await tenant.drag('Memory', 0);
    await adjusted('256 MiB', ({ memory_mb }) => memory_mb.current === 256);
  });

  it('is refused with the reason', async () => {
    const project = (await world.compute('GET', `/servers/${id}`)).body.server.tenant_id as string;
    const { claimed } = (await adjustment()).vcpus;
    await world.compute('PUT', `/os-quota-sets/${project}`, { quota_set: { cores: claimed + 1 } });
    await tenant.drag('vCPUs', 1);
    await tenant.see('Not possible');
    await tenant.see(/[Qq]uota/);
    await picture(tenant, 'refused');
    await tenant.press('Cancel');
    assert.equal((await adjustment()).vcpus.target, 1);
  });

  it('shows its screen, its serial line and its log', { timeout: 120_000 }, async () => {
    await tenant.press('Console', 'link');
    const frame = await tenant.page.waitForSelector('iframe.console-frame');
    const screen = await frame?.contentFrame();
    await screen?.waitForSelector('::-p-text(Connected)', { timeout: CHANGE_MS });
    await screen?.waitForSelector('canvas', { timeout: CHANGE_MS });
    await tenant.press('Log');
    await tenant.see('xloud-guest status', CHANGE_MS);
    await tenant.press('Serial line');
    const said = (): boolean => tenant.page.frames().some((one) => one.url().includes('/console/?token'));
    await eventually('the serial line', CHANGE_MS, () => said() || null);
    const serial = tenant.page.frames().find((one) => one.url().includes('/console/?token'));
    await serial?.waitForSelector('.xterm-rows', { timeout: CHANGE_MS });
    await eventually(
      'words of the guest',
      CHANGE_MS,
      async () => String(await serial?.evaluate('document.body.innerText')).includes('xloud-guest status') || null,
      LOOK_MS,
    );
    await picture(tenant, 'console');
  });

  it('goes back to a snapshot', { timeout: 240_000 }, async () => {
    await tenant.press('Snapshots & backups', 'link');
    await tenant.press('Take a snapshot');
    await tenant.fill('Name', 'before the upgrade');
    await tenant.submit();
    await tenant.see('available', CHANGE_MS);
    await tenant.press('Make a backup');
    await tenant.fill('Name', 'monday');
    await tenant.submit();
    await tenant.see('whole', CHANGE_MS);
    await eventually(
      'a whole backup',
      CHANGE_MS,
      async () => {
        const { body } = await world.compute('GET', `/servers/${id}/os-xloud-backups`);
        return body.backups[0]?.status === 'available' || null;
      },
      LOOK_MS,
    );
    await tenant.press('Switch on');
    await tenant.see('30 2 * * *');
    await tenant.see(/available[^]*available/);
    await picture(tenant, 'copies', { width: 1180, height: 600 });
    await tenant.press('What to do with before the upgrade');
    await tenant.press('Restore', 'menuitem');
    await tenant.submit();
    await tenant.missing('Restore before the upgrade?');
    const restored = async () => {
      const { body } = await world.compute('GET', `/servers/${id}/os-instance-actions`);
      return (body.instanceActions as { action: string; message: string | null }[]).find(
        ({ action }) => !['copy_disk', 'adjust', 'create'].includes(action),
      );
    };
    await eventually('the restore', CHANGE_MS, restored, LOOK_MS);
    await eventually(
      'its end',
      BOOT_MS,
      async () => {
        const { server } = (await world.compute('GET', `/servers/${id}`)).body;
        return (server.status === 'ACTIVE' && server['OS-EXT-STS:task_state'] === null) || null;
      },
      LOOK_MS,
    );
    assert.equal((await restored())?.message ?? null, null);
    await tenant.press('History', 'link');
    await tenant.see('Adjust');
    await picture(tenant, 'history');
  });

  it('shows an operator hosts, and what everything costs', { timeout: 60_000 }, async () => {
    const operator = await enter(browser, world.service, { cloud: 'xloud', dark: true, ...SIZE });
    await operator.press('All projects', 'checkbox');
    await operator.see('shop-1');
    await picture(operator, 'operator-servers', { width: 1180, height: 480 });
    await operator.go('/hosts');
    await operator.see('vCPUs per processor');
    await picture(operator, 'hosts', { width: 1180, height: 540 });
    await operator.click('.host-foot button');
    await operator.see('moves as it runs');
    await operator.page.keyboard.press('Escape');
    await operator.go('/health');
    await operator.see('Ready');
    await operator.see('conductor');
    await picture(operator, 'health');
    assert.deepEqual(operator.problems, []);
    await operator.close();
    const phone = await enter(browser, world.service, { cloud: 'xloud-demo', width: 390, height: 760 });
    await phone.go(`/servers/${id}`);
    await phone.see('vCPUs');
    assert.ok((await phone.overflow()) <= 0);
    await picture(phone, 'phone', { width: 390, height: 760 });
    await phone.close();
  });

  it('deletes them, and nothing is left', { timeout: 120_000 }, async () => {
    await tenant.go('/networks');
    await tenant.see('private');
    await picture(tenant, 'networks', { width: 1180, height: 420 });
    await tenant.go('/servers');
    await tenant.press('Choose all that are shown', 'checkbox');
    await tenant.press('Delete');
    await tenant.see('This is done with 2 servers');
    await tenant.submit();
    await tenant.see('No servers yet', CHANGE_MS);
    assert.equal(await world.virsh('list', '--all', '--name'), '');
    assert.deepEqual(tenant.problems, []);
    await tenant.close();
  });
});
