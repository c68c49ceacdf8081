// Why: what of the machine the service needs: files that it may write and others may not read, room, a hypervisor.

import { constants, existsSync, statSync } from 'node:fs';
import { access, readdir, statfs } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { messageOf } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { silentLog } from '../../base/log.ts';
import { policyFile, readPolicyFile } from '../../policies/load.ts';
import { sqlitePath } from '../database-url.ts';
import { type Check, type Found, ok, type Patient, problem, some, warning } from './check.ts';

const MIB = 1024 ** 2;
const LOW_SHARE = 0.1;
const OTHERS = 0o077;

const instancesDir = ({ config, dataDir }: Patient): string =>
  config.compute.instances_dir || join(dataDir, 'instances');

const folders = (patient: Patient): string[] => {
  const file = sqlitePath(patient.databaseUrl);
  const all = [patient.dataDir, instancesDir(patient), ...(file === null ? [] : [dirname(file)])];
  return [...new Set(all)].filter((path) => existsSync(path));
};

const directories: Check = {
  name: 'directories',
  async look(patient) {
    if (!existsSync(patient.dataDir))
      return problem(
        `${patient.dataDir} is not there`,
        'name the right one with --data-dir, or start the service once',
      );
    const found: Found[] = [];
    for (const path of folders(patient)) {
      try {
        await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
        found.push(ok(path));
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        found.push(
          problem(
            `${path} cannot be written (${code})`,
            'give it to the user of the service, on a disk that is mounted read-write',
          ),
        );
      }
    }
    return found;
  },
};

const room: Check = {
  name: 'disk space',
  async look(patient) {
    const found: Found[] = [];
    for (const path of folders(patient)) {
      const { bavail, blocks, bsize } = await statfs(path);
      const [free, all] = [bavail * bsize, blocks * bsize];
      const text = `${path} has ${Math.floor(free / MIB)} MiB of ${Math.floor(all / MIB)} MiB free`;
      const todo = 'make room: delete images, purge (xloud db purge), or enlarge the disk';
      if (free < limits.imageDiskReserveBytes) found.push(problem(text, todo));
      else found.push(free < all * LOW_SHARE ? warning(text, todo) : ok(text));
    }
    return found;
  },
};

const secrets: Check = {
  name: 'secrets',
  look({ dataDir, databaseUrl, config, configFile }) {
    const file = sqlitePath(databaseUrl);
    const holdsSecret =
      config.identity.password !== '' ||
      config.database.connection.includes('@') ||
      config.notifications.url.includes('@');
    const paths = [
      ...(file === null ? [] : [file, `${file}-wal`]),
      ...['clouds.yaml', 'identity-private/private.pem', 'worker-id'].map((name) => join(dataDir, name)),
      ...(configFile !== null && holdsSecret ? [configFile] : []),
    ].filter((path) => existsSync(path));
    const open = paths.filter((path) => (statSync(path).mode & OTHERS) !== 0);
    if (open.length === 0) return ok('only their owner may read them');
    return open.map((path) => problem(`${path} can be read by others`, `chmod 600 ${path}`));
  },
};

const policy: Check = {
  name: 'policy',
  look({ config, dataDir }) {
    const { file, optional } = policyFile(config.policy.file, dataDir);
    if (optional && !existsSync(file)) return ok('the defaults');
    try {
      const { warnings } = readPolicyFile(file);
      if (warnings.length === 0) return ok(file);
      return warnings.map((text) => warning(text, `change ${file}; xloud policy list shows the rules in force`));
    } catch (error) {
      return problem(
        messageOf(error),
        `mend ${file}: the service keeps older rules, and does not start again with these`,
      );
    }
  },
};

const inPath = (name: string): boolean =>
  [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'].some((dir) => existsSync(join(dir, name)));

const programs: Check = {
  name: 'programs',
  look({ config }) {
    if (config.compute.driver === 'fake') return ok('none are needed by the fake driver');
    const missing = ['qemu-img', 'mkfs.ext4'].filter((name) => !inPath(name));
    if (!['genisoimage', 'mkisofs', 'xorrisofs'].some(inPath)) missing.push('genisoimage');
    if (missing.length === 0) return ok('qemu-img, mkfs and a maker of config drives');
    const todo = 'install the packages that have them: qemu-utils, e2fsprogs, genisoimage';
    return (config.compute.driver === 'libvirt' ? problem : warning)(`missing: ${missing.join(', ')}`, todo);
  },
};

const MAJOR = 1_000_000;
const MINOR = 1_000;
const versionText = (version: number): string =>
  `${Math.floor(version / MAJOR)}.${Math.floor((version % MAJOR) / MINOR)}.${version % MINOR}`;

const hypervisor: Check = {
  name: 'hypervisor',
  async look({ config, clock }) {
    const { driver, libvirt_uri: uri, virt_type: virtType } = config.compute;
    if (driver === 'fake') return ok('the fake driver: servers are not real');
    const [{ openHypervisor }, { meansOf, offersKvm, readCpuinfo }] = await Promise.all([
      import('../../virt/libvirt/connection.ts'),
      import('../../virt/libvirt/probe.ts'),
    ]);
    try {
      const calls = await openHypervisor({ uri, log: silentLog, clock });
      try {
        const [lib, qemu] = [await calls.connectGetLibVersion(), await calls.connectGetVersion()];
        const found = [ok(`libvirt ${versionText(Number(lib))} at ${uri}`), ok(`QEMU ${versionText(Number(qemu))}`)];
        const { arch } = process;
        const name = ({ x64: 'x86_64', arm64: 'aarch64' } as Readonly<Record<string, string>>)[arch] ?? arch;
        const kvm =
          offersKvm(await calls.connectGetCapabilities(), name) && meansOf(name, await readCpuinfo()) !== null;
        if (kvm) return [...found, ok('KVM is offered')];
        if (virtType === 'kvm')
          return [
            ...found,
            problem(
              'virt_type is kvm, and there is none',
              'turn virtualisation on in the firmware or the outer hypervisor, or set compute.virt_type to auto',
            ),
          ];
        const slow = 'guests run emulated: no KVM';
        return [
          ...found,
          warning(
            slow,
            'turn virtualisation on in the firmware or the outer hypervisor (nested), if this is not wanted',
          ),
        ];
      } finally {
        await calls.close();
      }
    } catch (error) {
      const text = `libvirt does not answer at ${uri}: ${messageOf(error)}`;
      const todo = 'start libvirtd (systemctl start libvirtd, or tools/host.sh), or mend compute.libvirt_uri';
      if (driver === 'libvirt') return problem(text, todo);
      return warning(text, `${todo}; without it the service falls back to the fake driver`);
    }
  },
};

const cache: Check = {
  name: 'image cache',
  async look(patient) {
    const path = join(instancesDir(patient), '_images');
    if (!existsSync(path)) return ok('empty');
    const names = await readdir(path);
    const broken = names.filter((name) => statSync(join(path, name)).isFile() && statSync(join(path, name)).size === 0);
    if (broken.length > 0)
      return problem(`empty files in ${path}: ${some(broken)}`, 'remove them: they are fetched again');
    return ok(`${names.length} files in ${path}`);
  },
};

export const machineChecks: readonly Check[] = [directories, room, secrets, policy, programs, hypervisor, cache];
