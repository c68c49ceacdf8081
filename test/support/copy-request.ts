// Why: what most tests ask of a copy of a server's disk.

export const copyRequest = {
  name: 'before the upgrade',
  description: null,
  tags: [],
  ...{ memory: false, quiesce: false, incremental: true },
} as const;
