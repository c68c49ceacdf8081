// Why: libvirt counts memory in KiB, a server in MiB.

const MIB_KIB = 1024;

/** Rounded up: what is begun is had. */
export const toMib = (kib: number): number => Math.ceil(kib / MIB_KIB);
export const toKib = (mib: number): number => mib * MIB_KIB;
