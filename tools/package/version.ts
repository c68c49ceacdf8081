// Why: what a build is called follows from the commit it is made of, in one place.

/** What git says of a checkout. */
export interface Checkout {
  /** Short hash. */
  readonly commit: string;
  readonly committedAt: Date;
  /** Tags on the commit. */
  readonly tags: readonly string[];
}

/** SemVer without build metadata, which neither dpkg nor a tag needs. */
const SEMVER = /^\d+\.\d+\.\d+(-[0-9A-Za-z]+(\.[0-9A-Za-z]+)*)?$/;

/** A version that was asked for by name. Throws what is no SemVer. */
export function checkedVersion(text: string): string {
  if (!SEMVER.test(text)) throw new Error(`VERSION: ${JSON.stringify(text)} is none (1.2.3 or 1.2.3-rc.1)`);
  return text;
}

/**
 * package.json names the release that is worked on. Its tagged commit (v1.2.3) is that release; any other commit comes before it, in the
 * order in which they were made: 1.2.3-dev.20261202032244.3010be9
 */
export function versionOf(release: string, { commit, committedAt, tags }: Checkout): string {
  if (tags.includes(`v${release}`)) return checkedVersion(release);
  const moment = committedAt
    .toISOString()
    .replace(/[^0-9]/g, '')
    .slice(0, 14);
  return checkedVersion(`${release}-dev.${moment}.${commit}`);
}

/** dpkg's spelling, in which what comes before a release sorts before it. */
export const debianVersion = (version: string): string => version.replace('-', '~');
