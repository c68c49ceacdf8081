// Each curl line and each command of NovaCron's document, run as written, on the fake driver; on real hosts: libvirt-novacron.test.ts.

import { after, before, describe, it } from 'node:test';
import {
  commandLines,
  curlLines,
  type DocumentRunner,
  documentRunner,
  openDocumentPort,
} from '../support/novacron-document.ts';
import { type Service, startService } from '../support/serve.ts';

describe("NovaCron's document on the fake driver", { concurrency: 1 }, () => {
  let service: Service;
  let runner: DocumentRunner;
  before(async () => {
    const env = { XLOUD_COMPUTE__HOST: 'node', XLOUD_COMPUTE__FAKE_HOSTS: '2' };
    service = await startService({ driver: 'fake', env });
    const wish = { name: 'ubuntu-24.04', disk_format: 'raw', container_format: 'bare' };
    const { body } = await service.request('xloud', 'POST', '/image/v2/images', wish);
    await service.request('xloud', 'PUT', `/image/v2/images/${body.id}/file`, Buffer.alloc(512));
    const root = await openDocumentPort(service);
    runner = documentRunner(
      { service, running: () => null, booted: async () => undefined, definition: () => null },
      root,
      ['node', 'node-2'],
    );
  });
  after(async () => {
    runner?.close();
    await service?.close();
  });

  for (const line of [...curlLines, ...commandLines]) it(line.line.replace(/\s+/g, ' '), () => runner.run(line));

  it('and its log files hold what was done', () => runner.checkLogs());
});
