// Why: some devices and elements are of one architecture's machines only.

export const isX86 = (arch: string): boolean => arch === 'x86_64' || arch === 'i686';
