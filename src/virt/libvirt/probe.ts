// Why: /dev/kvm says little: in nested and container hosts it may be there and run no guest. KVM is taken only where the
// processor shows the means for it and a small guest has really run; and the choice always comes with its reason.

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { newUuid } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import type { LimitKind } from '../../domain/machines/limits-request.ts';
import type { VirtType } from './machine/kind.ts';
import { hideVirtualisation, startCpu } from './machine/processor.ts';
import type { LibvirtCalls } from './rpc/procedures.ts';
import { children, endXml, leaf, readXml, startXml, text, textOf, type XMLBuilder } from './xml.ts';

export interface VirtChoice {
  readonly virtType: VirtType;
  readonly reason: string;
  /** The host's architecture, which its guests have too. */
  readonly arch: string;
  readonly cpuModel: string | null;
  /** What guests take of this host that can be limited; absent: nothing. */
  readonly limits?: readonly LimitKind[];
}

export interface ProbeDeps {
  readonly calls: LibvirtCalls;
  /** The CPU model of guests, as the configuration has it; null: libvirt's choice. */
  readonly cpuModel: string | null;
  /** Where the probe guest's files may stand for a moment. */
  readonly dir: string;
  readonly clock: Clock;
  /** The text of /proc/cpuinfo. */
  readonly readCpuinfo: () => Promise<string>;
}

export const readCpuinfo = (): Promise<string> => readFile('/proc/cpuinfo', 'utf8');

/** Decides between KVM and QEMU's own emulation (TCG). Takes up to `limits.probeMs` where KVM looks possible. */
export async function chooseVirtType(deps: ProbeDeps, wanted: 'auto' | VirtType): Promise<VirtChoice> {
  const capabilities = await deps.calls.connectGetCapabilities();
  const arch = textOf(readXml(capabilities), 'host/cpu/arch') ?? 'x86_64';
  const choice = (virtType: VirtType, reason: string) => ({ virtType, reason, arch, cpuModel: deps.cpuModel });
  if (wanted !== 'auto') return choice(wanted, `virt_type is ${wanted} in the configuration`);
  const emulated = (why: string) => choice('qemu', `no KVM: ${why}`);
  if (!offersKvm(capabilities, arch)) return emulated('libvirt offers none, since there is no usable /dev/kvm');
  const means = meansOf(arch, await deps.readCpuinfo());
  if (means === null) return emulated(`the processor does not show ${wantedMeans(arch)}`);
  const failure = await runProbe(deps, arch);
  if (failure !== null) return emulated(`the processor shows ${means}, but a probe guest did not run: ${failure}`);
  return choice('kvm', `the processor shows ${means} and a probe guest ran`);
}

/** Whether libvirt's capabilities list KVM for guests of that architecture. */
export function offersKvm(capabilities: string, arch: string): boolean {
  return children(readXml(capabilities), 'guest').some((guest) =>
    children(guest, 'arch').some(
      (one) =>
        one.getAttribute('name') === arch &&
        children(one, 'domain').some((domain) => domain.getAttribute('type') === 'kvm'),
    ),
  );
}

// What /proc/cpuinfo says where guests can run in hardware. On ARM it says nothing, so there the probe guest alone decides.
const MEANS: Readonly<Record<string, readonly [RegExp, string]>> = {
  x86_64: [/^flags\s*:.*\b(vmx|svm)\b/m, 'vmx or svm'],
  i686: [/^flags\s*:.*\b(vmx|svm)\b/m, 'vmx or svm'],
  s390x: [/^features\s*:.*\b(sie)\b/m, 'sie'],
  ppc64le: [/^platform\s*:\s*(PowerNV)/m, 'PowerNV'],
  riscv64: [/^isa\s*:\s*rv64[a-gi-z]*(h)/m, 'the H extension'],
};

/** What the processor shows of hardware virtualisation, or null. */
export function meansOf(arch: string, cpuinfo: string): string | null {
  const row = MEANS[arch];
  return row === undefined ? `the architecture ${arch}` : (row[0].exec(cpuinfo)?.[1] ?? null);
}

const wantedMeans = (arch: string): string => MEANS[arch]?.[1] ?? arch;

/**
 * A boot sector for x86: from real into protected mode, then the words below out of the first serial port, then halt.
 *
 *   7c00 cli; xor ax,ax; mov ds,ax; mov dx,0x3f8; lgdt [0x7c70]
 *        mov eax,cr0; or eax,1; mov cr0,eax; ljmp 8:0x7c1f
 *   7c1f mov ax,16; mov ds,ax; mov ss,ax; mov esp,0x7000; mov esi,0x7c40; mov dx,0x3f8
 *   7c35 lodsb; test al,al; jz 7c3d; out dx,al; jmp 7c35
 *   7c3d hlt; jmp 7c3d
 *   7c40 the words, zero; 7c58 GDT: null, flat code, flat data; 7c70 its limit and address
 */
const PROBE_CODE =
  'fa31c08ed8baf8030f0116707c0f20c06683c8010f22c066ea1f7c0000080066' +
  'b810008ed88ed0bc00700000be407c000066baf803ac84c07403eeebf8f4ebfd' +
  '786c6f75642d70726f6265206f6b0d0a008db426000000000000000000000000' +
  'ffff0000009acf00ffff00000092cf001700587c0000';
export const PROBE_WORDS = 'xloud-probe ok';
const SECTOR_BYTES = 512;
/** The BIOS does not boot a disk that is smaller than a cylinder. */
const DISK_BYTES = 1024 * 1024;

/** A disk that begins with the sector. */
export function probeDisk(): Buffer {
  const disk = Buffer.alloc(DISK_BYTES);
  Buffer.from(PROBE_CODE, 'hex').copy(disk);
  disk.writeUInt16BE(0x55aa, SECTOR_BYTES - 2);
  return disk;
}

/** Runs a guest under KVM for a moment. Returns why it did not work, or null. */
async function runProbe(deps: ProbeDeps, arch: string): Promise<string | null> {
  const x86 = arch === 'x86_64' || arch === 'i686';
  await mkdir(deps.dir, { recursive: true, mode: 0o711 });
  const work = await mkdtemp(join(deps.dir, 'probe-'));
  const disk = join(work, 'disk');
  const serial = join(work, 'serial');
  try {
    await writeFile(disk, probeDisk(), { mode: 0o644 });
    await writeFile(serial, '', { mode: 0o644 });
    const domain = await deps.calls.domainCreateXML(
      probeXml({ virtType: 'kvm', arch, cpuModel: deps.cpuModel }, disk, serial),
    );
    try {
      const deadlineMs = deps.clock.now() + limits.probeMs;
      // other architectures have no boot sector: there it is enough that the guest runs for a while
      if (!x86) await deps.clock.sleep(1_000);
      while (x86 && !(await readFile(serial, 'latin1')).includes(PROBE_WORDS)) {
        if (deps.clock.now() > deadlineMs) return `it said nothing for ${limits.probeMs / 1000} s`;
        await deps.clock.sleep(limits.guestPollMs);
      }
      await deps.calls.domainGetInfo(domain);
      return null;
    } finally {
      await deps.calls.domainDestroyFlags(domain).catch(() => {});
    }
  } catch (error) {
    return messageOf(error);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** A guest of 16 MiB and no devices. */
export function startProbe({ virtType, arch }: Pick<VirtChoice, 'virtType' | 'arch'>): XMLBuilder {
  const domain = startXml('domain', { type: virtType });
  text(domain, 'name', `xloud-probe-${newUuid().slice(0, 8)}`);
  text(domain, 'memory', 16, { unit: 'MiB' });
  text(domain, 'vcpu', 1);
  text(domain.ele('os'), 'type', 'hvm', { arch });
  return domain;
}

/** A transient guest of 16 MiB that boots the sector, on the processor that guests would get. */
export function probeXml(
  place: { readonly virtType: VirtType; readonly arch: string; readonly cpuModel: string | null },
  diskPath: string,
  serialPath: string,
): string {
  const domain = startProbe(place);
  const cpu = startCpu(domain, place);
  if (cpu !== null && place.arch === 'x86_64') hideVirtualisation(cpu);
  const devices = domain.ele('devices');
  leaf(devices, 'controller', { type: 'usb', model: 'none' });
  const disk = devices.ele('disk', { type: 'file', device: 'disk' });
  leaf(disk, 'driver', { name: 'qemu', type: 'raw' });
  leaf(disk, 'source', { file: diskPath });
  leaf(disk, 'target', { dev: 'vda', bus: 'virtio' });
  leaf(devices.ele('serial', { type: 'file' }), 'source', { path: serialPath });
  leaf(devices, 'memballoon', { model: 'none' });
  return endXml(domain);
}
