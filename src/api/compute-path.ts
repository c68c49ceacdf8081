// Why: a path of the compute API begins with a version, and may then name the caller's project; what is left is looked up.

export interface ComputePath {
  readonly endpoint: 'v2' | 'v2.1';
  /** Decoded, begins with one slash, or is empty for the version's own page. */
  readonly rest: string;
}

/** `/v2.1/…` split into its parts; null for a path without a version. */
export function splitPath(path: string): ComputePath | null {
  const found = /^\/(v2(?:\.1)?)(\/.*)?$/.exec(path);
  if (!found) return null;
  let rest = (found[2] ?? '').replace(/^\/+/, '/');
  try {
    rest = decodeURIComponent(rest);
  } catch {
    // not UTF-8: matched as it stands
  }
  return { endpoint: found[1] as ComputePath['endpoint'], rest };
}

const PROJECT_SEGMENT = /^\/([0-9a-f-]+)(\/.*)?$/;

/**
 * The project that a path names, and what is behind it.
 * @param knows whether a first segment is a resource's, and so no project
 */
export function splitProject(
  rest: string,
  knows: (segment: string) => boolean,
): { project: string | null; rest: string } {
  const found = knows(rest.split('/', 2)[1] ?? '') ? null : PROJECT_SEGMENT.exec(rest);
  return found === null ? { project: null, rest } : { project: found[1] as string, rest: found[2] ?? '/' };
}
