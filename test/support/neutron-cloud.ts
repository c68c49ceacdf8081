// Why: a service beside an operator's Keystone and Neutron begins alike in each test of them.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cloudsFor, register, type TestKeystone } from './keystone.ts';
import { uploadGuest } from './serve-guest.ts';
import type { Service } from './serve.ts';

/** Settings of a service whose Keystone and Neutron are an operator's; it logs in as `nova`. */
export const besideNeutron = ({ authUrl }: Pick<TestKeystone, 'authUrl'>): Readonly<Record<string, string>> => ({
  XLOUD_IDENTITY__AUTH_URL: authUrl,
  XLOUD_IDENTITY__USERNAME: 'nova',
  XLOUD_IDENTITY__PASSWORD: 'nova',
  XLOUD_NETWORK__SERVICE: 'neutron',
  XLOUD_NETWORK__ENGINE: 'basic',
});

/** Has Keystone's catalog name the service, whose clients log in there from now on; gives it the small guest's image and a flavor for it. */
export async function settleIn(
  keystone: TestKeystone,
  service: Service,
): Promise<{ readonly imageRef: string; readonly flavorRef: string }> {
  for (const [type, path] of [
    ['compute', '/compute/v2.1'],
    ['image', '/image'],
  ] as const)
    await register(keystone, { user: 'nova', type, url: `${service.url}${path}` });
  await writeFile(join(service.dataDir, 'clouds.yaml'), cloudsFor(keystone));
  const imageRef = await uploadGuest(service);
  const flavor = { name: 'small', vcpus: 1, ram: 128, disk: 1 };
  const made = await service.request('xloud', 'POST', '/compute/v2.1/flavors', { flavor });
  if (made.status !== 200) throw new Error(`no flavor: ${made.status} ${JSON.stringify(made.body)}`);
  return { imageRef, flavorRef: made.body.flavor.id };
}
