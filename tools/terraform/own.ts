// Why: `make terraform-provider`. The tests of clients/terraform-provider-xloud, its acceptance tests among them, which drive terraform or
// tofu against `xloud serve` on the fake driver.
//
//   node tools/terraform/own.ts TERRAFORM

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { startService } from '../../test/support/serve.ts';
import { placeOfProvider } from './place.ts';

const PROVIDER = join(import.meta.dirname, '..', '..', 'clients', 'terraform-provider-xloud');

const [terraform] = process.argv.slice(2);
if (terraform === undefined) {
  console.error('usage: node tools/terraform/own.ts TERRAFORM');
  process.exit(2);
}
const service = await startService({ driver: 'fake', env: { XLOUD_LOG__LEVEL: 'warn' } });
const ask = async (method: string, path: string, body?: unknown) => {
  const answer = await service.request('xloud', method, path, body);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
};
try {
  const flavor = { id: 'elastic-tests', name: 'elastic-tests', vcpus: 4, ram: 1024, disk: 1 };
  await ask('POST', '/compute/v2.1/flavors', { flavor });
  const specs = { minimum_cpu: '1', minimum_memory: '256' };
  await ask('POST', `/compute/v2.1/flavors/${flavor.id}/os-extra_specs`, { extra_specs: specs });
  const image = { name: 'tiny', disk_format: 'raw', container_format: 'bare', visibility: 'public' };
  const { id: imageId } = await ask('POST', '/image/v2/images', image);
  await ask('PUT', `/image/v2/images/${imageId}/file`, Buffer.alloc(1 << 20));
  const { clouds } = parse(readFileSync(join(service.dataDir, 'clouds.yaml'), 'utf8'));
  // a member of a project, not an administrator
  const { auth_url, username, password, project_name } = clouds['xloud-demo'].auth;
  const env = {
    ...process.env,
    ...{ TF_ACC: '1', TF_ACC_TERRAFORM_PATH: terraform, CHECKPOINT_DISABLE: '1' },
    ...(await placeOfProvider(terraform, 'xloud')),
    ...{ OS_AUTH_URL: auth_url, OS_USERNAME: username, OS_PASSWORD: password, OS_PROJECT_NAME: project_name },
    ...{ OS_USER_DOMAIN_NAME: 'Default', OS_PROJECT_DOMAIN_NAME: 'Default', OS_REGION_NAME: 'RegionOne' },
    ...{ XLOUD_FLAVOR: flavor.id, XLOUD_IMAGE: imageId },
  };
  const child = spawn('go', ['test', '-count=1', '-v', './...'], { cwd: PROVIDER, env, stdio: 'inherit' });
  const [status] = await once(child, 'exit');
  if (status !== 0) process.exitCode = 1;
} finally {
  await service.close();
}
