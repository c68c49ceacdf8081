// Why: the kinds of work on the files of volumes, for the rows that ask for it and the code that does it.

export const jobKinds = [
  ...(['create', 'delete', 'extend', 'revert', 'reimage', 'upload'] as const),
  ...(['snapshot', 'delete_snapshot'] as const),
] as const;

export type JobKind = (typeof jobKinds)[number];

/** What a new volume's bytes are: none, or those of something that is there. */
export type VolumeSource =
  | { readonly from: 'nothing' }
  | { readonly from: 'image'; readonly imageId: string }
  | { readonly from: 'snapshot'; readonly snapshotId: string }
  | { readonly from: 'volume'; readonly volumeId: string };
