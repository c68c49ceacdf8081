// Why: kinds of machines have one name here and several elsewhere: images are read, hosts are told and both are compared by these.
// Facts: Nova's fields (nova/objects/fields.py), Apache License 2.0.

export const architectures: readonly string[] = [
  ...['alpha', 'armv6', 'armv7l', 'armv7b', 'aarch64', 'cris', 'i686', 'ia64', 'lm32', 'm68k', 'microblaze'],
  ...['microblazeel', 'mips', 'mipsel', 'mips64', 'mips64el', 'openrisc', 'parisc', 'parisc64', 'ppc', 'ppcle'],
  ...['ppc64', 'ppc64le', 'ppcemb', 's390', 's390x', 'sh4', 'sh4eb', 'sparc', 'sparc64', 'unicore32', 'x86_64'],
  ...['xtensa', 'xtensaeb'],
];

export const archAliases: Readonly<Record<string, string>> = {
  i386: 'i686',
  i486: 'i686',
  i586: 'i686',
  x86_32: 'i686',
  x86_32p: 'i686',
  amd64: 'x86_64',
};

export const hypervisorTypes: readonly string[] = [
  ...['baremetal', 'bhyve', 'docker', 'fake', 'hyperv', 'ironic', 'kqemu', 'kvm', 'lxc', 'lxd', 'openvz', 'parallels'],
  ...['phyp', 'qemu', 'test', 'uml', 'vbox', 'vz', 'vmware', 'xen', 'zvm', 'prsm'],
];

export const hypervisorAliases: Readonly<Record<string, string>> = { xapi: 'xen' };
export const modeAliases: Readonly<Record<string, string>> = { hv: 'hvm', baremetal: 'hvm', pv: 'xen' };
