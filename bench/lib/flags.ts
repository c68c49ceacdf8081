// Why: benches take numbers on their command line, all in one way.

/** The number behind a flag; `otherwise` where the flag is not there. */
export const numberOf = (flag: string, otherwise: number): number =>
  process.argv.includes(flag) ? Number(process.argv[process.argv.indexOf(flag) + 1]) : otherwise;
