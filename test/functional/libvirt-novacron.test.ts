// Each curl line and each command of NovaCron's document, run as written against two real libvirt hosts: rows and guests say what each did.
// Needs root and a hypervisor's packages.

import { after, before, describe, it } from 'node:test';
import {
  commandLines,
  curlLines,
  type DocumentRunner,
  documentRunner,
  openDocumentPort,
} from '../support/novacron-document.ts';
import { startTwoHostService, type TwoHostService } from '../support/two-host-service.ts';

describe("NovaCron's document on two real hosts", { concurrency: 1 }, () => {
  let world: TwoHostService;
  let runner: DocumentRunner;
  before(async () => {
    // guests that have not booted yet do not hear that they shall shut down
    world = await startTwoHostService({ XLOUD_COMPUTE__SHUTDOWN_SECONDS: '5' }, { cgroups: true });
    const { service, imageRef } = world;
    const named = [{ op: 'replace', path: '/name', value: 'ubuntu-24.04' }];
    await service.request('xloud', 'PATCH', `/image/v2/images/${imageRef}`, named, {
      'Content-Type': 'application/openstack-images-v2.1-json-patch',
    });
    const root = await openDocumentPort(service);
    runner = documentRunner(
      {
        service,
        running: (id) => world.running(id),
        booted: async (id) => world.up(id, await world.hostOf(id)),
        definition: async (id) => {
          const [host] = await world.running(id);
          return host === undefined ? '' : world.virsh(host, 'dumpxml', id);
        },
      },
      root,
      ['host-a', 'host-b'],
    );
  });
  after(async () => {
    runner?.close();
    await world?.close();
  });

  for (const line of [...curlLines, ...commandLines]) it(line.line.replace(/\s+/g, ' '), () => runner.run(line));

  it('and its log files hold what was done', () => runner.checkLogs());
});
