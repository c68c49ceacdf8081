// Why: vCPUs and memory always go together; everything that is moved, claimed or bounded is a pair of them.

export interface Size {
  readonly vcpus: number;
  readonly memoryMb: number;
}

export const sameSize = (a: Size, b: Size): boolean => a.vcpus === b.vcpus && a.memoryMb === b.memoryMb;

/** The larger of each part: what must be claimed while something is between the two. */
export const largerOf = (a: Size, b: Size): Size => ({
  vcpus: Math.max(a.vcpus, b.vcpus),
  memoryMb: Math.max(a.memoryMb, b.memoryMb),
});
