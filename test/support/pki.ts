// Why: hosts prove to each other who they are by certificates, at the places where libvirt and QEMU look for them.

import { execFile } from 'node:child_process';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Writes what goes to `/etc/pki` of hosts with these addresses: one authority, one certificate for all that a host does. */
export async function writePki(dir: string, addresses: readonly string[]): Promise<void> {
  const [caKey, ca, key, request, certificate, extensions] = [
    ...['ca.key', 'ca.pem', 'host.key', 'host.csr', 'host.pem', 'extensions'].map((name) => join(dir, name)),
  ] as [string, string, string, string, string, string];
  await mkdir(dir, { recursive: true });
  await run('openssl', [
    'req',
    '-x509',
    ...KEY,
    '-days',
    '2',
    '-subj',
    '/CN=an authority',
    '-keyout',
    caKey,
    '-out',
    ca,
  ]);
  await run('openssl', ['req', ...KEY, '-subj', '/O=xloud/CN=a host', '-keyout', key, '-out', request]);
  const names = addresses.map((address) => `IP:${address}`).join(',');
  await writeFile(
    extensions,
    `keyUsage=digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=${names}\n`,
  );
  const signing = ['-CA', ca, '-CAkey', caKey, '-CAcreateserial', '-days', '2', '-extfile', extensions];
  await run('openssl', ['x509', '-req', '-in', request, ...signing, '-out', certificate]);
  const places: readonly (readonly [string, string])[] = [
    [ca, 'CA/cacert.pem'],
    [ca, 'qemu/ca-cert.pem'],
    ...['server', 'client'].flatMap((who): (readonly [string, string])[] => [
      [certificate, `libvirt/${who}cert.pem`],
      [key, `libvirt/private/${who}key.pem`],
      [certificate, `qemu/${who}-cert.pem`],
      [key, `qemu/${who}-key.pem`],
    ]),
  ];
  for (const folder of ['CA', 'libvirt/private', 'qemu']) await mkdir(join(dir, folder), { recursive: true });
  for (const [from, to] of places) await copyFile(from, join(dir, to));
}
