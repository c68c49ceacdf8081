// Why: what something costs is told in time of the processor that this thread had for it. The clock on the wall also tells who else
// is at work on the machine.

const cpuMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
};

/** Milliseconds of the processor that this thread takes for something; waiting for others does not count. */
export async function costOf(work: () => unknown): Promise<number> {
  const before = cpuMs();
  await work();
  return cpuMs() - before;
}

/** The most milliseconds of the processor that this thread takes for one thing meanwhile, without looking after others. */
export async function longestTurn(work: () => Promise<unknown>): Promise<number> {
  let last = cpuMs();
  let most = 0;
  const look = () => {
    const now = cpuMs();
    most = Math.max(most, now - last);
    last = now;
  };
  const timer = setInterval(look, 1);
  await work();
  clearInterval(timer);
  look();
  return most;
}
