// Why: what is said of a volume or a snapshot that is not there is said in many places, and in Nova's words.

export const volumeMissing = (id: string): string => `Volume ${id} could not be found.`;

export const snapshotMissing = (id: string): string => `Snapshot ${id} could not be found.`;
