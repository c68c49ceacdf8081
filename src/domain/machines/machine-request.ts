// Why: what a flavor and an image ask of a guest's devices is read in one place: the API refuses what contradicts itself, the
// scheduler asks for hosts that have it, and the driver writes it. Rules and texts: Nova's (nova/virt/hardware.py).

import { isYes } from '../../base/boolean-word.ts';
import { badRequest } from '../../base/errors.ts';
import type { ImageFacts } from './images.ts';
import { knownProperties } from './image-properties.ts';
import { type GuestLimits, limitsRequestOf } from './limits-request.ts';

export interface MachineFlavor {
  readonly name: string;
  /** The most that the guest may have. */
  readonly vcpus: number;
  readonly extraSpecs: Readonly<Record<string, string>>;
}

type Named = Pick<ImageFacts, 'properties'> & Partial<Pick<ImageFacts, 'name'>>;

export interface MachineRequest {
  /** The image's properties by their present names, in canonical form. */
  readonly properties: Readonly<Record<string, string>>;
  readonly firmware: 'uefi' | 'bios' | null;
  readonly statelessFirmware: boolean;
  readonly secureBoot: 'required' | 'disabled' | 'optional' | null;
  readonly bootMenu: boolean;
  readonly tpm: { readonly version: string; readonly model: string; readonly secrets: string | null } | null;
  /** `amd-sev` and its like; null: memory is not encrypted. */
  readonly memoryEncryption: string | null;
  /** The format, `` where none was named; null: disks are not encrypted. */
  readonly diskEncryption: string | null;
  readonly viommu: string | null;
  /** What a watchdog does when it is not fed; null: there is none. */
  readonly watchdog: string | null;
  readonly multiqueue: boolean;
  readonly packedRing: boolean;
  readonly hideHypervisor: boolean;
  readonly serialPorts: number;
  /** Null: no source of random numbers. */
  readonly rng: { readonly bytes: number | null; readonly periodMs: number | null } | null;
  /** In MiB; null: the usual. */
  readonly videoRamMb: number | null;
  readonly sound: string | null;
  readonly usb: string | null;
  /** The bus of a tablet; null: none. */
  readonly tablet: 'usb' | 'virtio' | null;
  /** Null: as the hypervisor does. */
  readonly pmu: boolean | null;
  readonly hpet: boolean;
  readonly agent: boolean;
  readonly physicalBits: { readonly mode: string; readonly bits: number | null } | null;
  readonly accelerators: boolean;
  readonly limits: GuestLimits;
}

/** Reads what both may say. */
function reader(flavor: MachineFlavor, image: Named | null, properties: Readonly<Record<string, string>>) {
  const conflict = (prefix: string, key: string, own: string, wanted: string) =>
    badRequest(
      `Flavor ${flavor.name} has ${prefix}:${key} extra spec explicitly set to ${own}, conflicting with image ` +
        `${image?.name ?? ''} which has ${prefix}_${key} explicitly set to ${wanted}.`,
    );
  const pair = (key: string, prefix = 'hw') =>
    [flavor.extraSpecs[`${prefix}:${key}`] || undefined, properties[`${prefix}_${key}`] || undefined] as const;
  /** One word; they must agree. */
  const unique = (key: string, prefix = 'hw'): string | null => {
    const [own, wanted] = pair(key, prefix);
    if (own !== undefined && wanted !== undefined && own !== wanted) throw conflict(prefix, key, own, wanted);
    return own ?? wanted ?? null;
  };
  /** Yes or no; they must agree. Null: nothing was said. */
  const agreed = (key: string): boolean | null => {
    const [own, wanted] = pair(key);
    const python = (yes: boolean) => (yes ? 'True' : 'False');
    if (own !== undefined && wanted !== undefined && isYes(own) !== isYes(wanted)) {
      throw conflict('hw', key, python(isYes(own)), python(isYes(wanted)));
    }
    return own === undefined && wanted === undefined ? null : isYes(own ?? wanted);
  };
  return { pair, unique, agreed };
}

type Reader = ReturnType<typeof reader>;

const quoted = (word: string) => `'${word}'`;

/** One of the words that Nova knows; a flavor may say anything before microversion 2.86. */
function known(value: string | null, what: string, words: readonly string[]): string | null {
  if (value === null || words.includes(value)) return value;
  throw badRequest(`Invalid ${what} ${quoted(value)}. Allowed values: ${words.join(', ')}.`);
}

function tpmOf({ unique }: Reader, extraSpecs: Readonly<Record<string, string>>): MachineRequest['tpm'] {
  const version = known(unique('tpm_version'), 'TPM version', ['1.2', '2.0']);
  const model = known(unique('tpm_model'), 'TPM model', ['tpm-tis', 'tpm-crb']) ?? 'tpm-tis';
  if (version === null) return null;
  if (model === 'tpm-crb' && version !== '2.0') {
    throw badRequest('TPM model CRB is only valid with TPM version 2.0.');
  }
  return { version, model, secrets: extraSpecs['hw:tpm_secret_security'] ?? null };
}

function memoryEncryptionOf({ pair, unique }: Reader): string | null {
  const model = unique('mem_encryption_model') ?? 'amd-sev';
  const [own, wanted] = pair('mem_encryption');
  if (!isYes(own) && !isYes(wanted)) return null;
  if (own !== undefined && wanted !== undefined && isYes(own) !== isYes(wanted)) {
    throw badRequest('hw:mem_encryption of the flavor and hw_mem_encryption of the image contradict each other.');
  }
  return model;
}

function serialPortsOf({ pair }: Reader): number {
  const [own, wanted] = pair('serial_port_count');
  if (own !== undefined && !/^\s*[+-]?\d+\s*$/.test(own)) {
    throw badRequest(`Number of serial ports specified in flavor is invalid: expected an integer, got '${own}'`);
  }
  const [most, asked] = [Number(own ?? 0), Number(wanted ?? 0)];
  if (most > 0 && asked > most) {
    throw badRequest('Forbidden to exceed flavor value of number of serial ports passed in image meta.');
  }
  const count = asked || most || 1;
  if (count < 0 || count > MAX_SERIAL_PORTS) {
    throw badRequest(`Maximum number of serial port exceeds ${MAX_SERIAL_PORTS} for qemu`);
  }
  return count;
}

/** What an x86 machine of QEMU's has. */
const MAX_SERIAL_PORTS = 4;

const wholeOf = (text: string | undefined, name: string): number | null => {
  if (text === undefined || text === '') return null;
  if (!/^\d{1,15}$/.test(text)) throw badRequest(`${name} must be a whole number, not '${text}'.`);
  return Number(text);
};

function rngOf(extraSpecs: Readonly<Record<string, string>>): MachineRequest['rng'] {
  if (!isYes(extraSpecs['hw_rng:allowed'] ?? 'yes')) return null;
  const bytes = wholeOf(extraSpecs['hw_rng:rate_bytes'], 'hw_rng:rate_bytes');
  return { bytes, periodMs: wholeOf(extraSpecs['hw_rng:rate_period'], 'hw_rng:rate_period') };
}

function videoRamOf(asked: string | undefined, most: string | undefined): number | null {
  const wanted = Number(asked ?? 0);
  const allowed = wholeOf(most, 'hw_video:ram_max_mb') ?? 0;
  if (wanted > allowed) {
    throw badRequest(
      `The requested amount of video memory ${wanted} is higher than the maximum allowed by flavor ${allowed}.`,
    );
  }
  return wanted > 0 ? wanted : null;
}

function refuseRedirection({ unique }: Reader): void {
  if (Number(unique('redirected_usb_ports') ?? 0) === 0) return;
  throw badRequest('USB ports are redirected by SPICE, and the screens of servers here speak VNC.');
}

function physicalBitsOf({ unique }: Reader): MachineRequest['physicalBits'] {
  const mode = known(unique('maxphysaddr_mode'), 'Maxphyaddr mode', ['passthrough', 'emulate']);
  const bits = wholeOf(unique('maxphysaddr_bits') ?? undefined, 'hw:maxphysaddr_bits');
  return mode === null ? null : { mode, bits: mode === 'emulate' ? bits : null };
}

function watchdogOf({ pair }: Reader): string | null {
  const [own, wanted] = pair('watchdog_action');
  const action = known(wanted ?? own ?? null, 'watchdog action', ['none', 'pause', 'poweroff', 'reset', 'disabled']);
  return action === 'disabled' ? null : action;
}

const firstYes = (...texts: readonly (string | undefined)[]): boolean => texts.some((text) => isYes(text));

/** Throws Nova's 400s: a bad property of the image, and what flavor and image contradict each other in. */
export function machineRequestOf(flavor: MachineFlavor, image: Named | null): MachineRequest {
  const properties = knownProperties(image);
  const { extraSpecs } = flavor;
  const words = reader(flavor, image, properties);
  const { pair, unique, agreed } = words;
  refuseRedirection(words);
  const firmware = (properties['hw_firmware_type'] ?? null) as MachineRequest['firmware'];
  const [ownMenu, imageMenu] = pair('boot_menu');
  const multiqueue = flavor.vcpus < 2 ? false : (agreed('vif_multiqueue_enabled') ?? false);
  const encrypted = agreed('ephemeral_encryption') ?? false;
  const format = known(unique('ephemeral_encryption_format'), 'ephemeral encryption format', [
    'plain',
    'luks',
    'luksv2',
  ]);
  const bus = properties['hw_input_bus'] ?? (properties['hw_pointer_model'] === undefined ? undefined : 'usb');
  return {
    properties,
    firmware,
    statelessFirmware: firmware === 'uefi' && isYes(properties['hw_firmware_stateless']),
    secureBoot: known(unique('secure_boot', 'os'), 'secure boot policy', [
      'required',
      'disabled',
      'optional',
    ]) as MachineRequest['secureBoot'],
    bootMenu: isYes(imageMenu ?? ownMenu),
    tpm: tpmOf(words, extraSpecs),
    memoryEncryption: memoryEncryptionOf(words),
    diskEncryption: encrypted ? (format ?? '') : null,
    viommu: known(unique('viommu_model'), 'viommu model', ['intel', 'smmuv3', 'virtio', 'auto']),
    watchdog: watchdogOf(words),
    multiqueue,
    packedRing: agreed('virtio_packed_ring') ?? false,
    hideHypervisor: firstYes(
      extraSpecs['hw:hide_hypervisor_id'],
      extraSpecs['hide_hypervisor_id'],
      properties['img_hide_hypervisor_id'],
    ),
    serialPorts: serialPortsOf(words),
    rng: rngOf(extraSpecs),
    videoRamMb: videoRamOf(properties['hw_video_ram'], extraSpecs['hw_video:ram_max_mb']),
    sound: known(unique('sound_model'), 'sound device model', SOUND_MODELS),
    usb: known(unique('usb_model'), 'USB controller model', ['none', 'nec-xhci', 'qemu-xhci']),
    tablet: (bus ?? null) as MachineRequest['tablet'],
    pmu: agreed('pmu'),
    hpet: isYes(properties['hw_time_hpet']),
    agent: properties['hw_qemu_guest_agent'] === undefined || isYes(properties['hw_qemu_guest_agent']),
    physicalBits: physicalBitsOf(words),
    accelerators: (extraSpecs['accel:device_profile'] ?? '') !== '',
    limits: limitsRequestOf(extraSpecs),
  };
}

const SOUND_MODELS = ['sb16', 'es1370', 'pcspk', 'ac97', 'ich6', 'ich9', 'usb', 'virtio'];
