// Why: the claims about the way to libvirt, in figures: what a call costs, what many at once give, and that calls which wait
// for a hung guest do not slow the reads. Prints lines for people; with --json the last line is one JSON object.

import { systemClock } from '../src/base/clock.ts';
import { silentLog } from '../src/base/log.ts';
import { type DomainRef, openHypervisor } from '../src/virt/libvirt/connection.ts';
import { VIR_DOMAIN_AFFECT_LIVE } from '../src/virt/libvirt/rpc/constants.ts';
import { startLibvirtd } from '../test/support/libvirtd.ts';

const SECONDS = 2;
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const round = (value: number): number => Number(value.toPrecision(3));

const daemon = await startLibvirtd();
const hypervisor = await openHypervisor({ uri: daemon.uri, log: silentLog, clock: systemClock });
try {
  const create = (name: string): Promise<DomainRef> =>
    hypervisor.domainCreateXML(
      `<domain type='qemu'><name>${name}</name><memory>65536</memory><os><type>hvm</type></os></domain>`,
    );
  const [healthy, hung] = [await create('healthy'), await create('hung')];

  /** Calls per second and own CPU per call in microseconds, with so many in flight. */
  const rate = async (inFlight: number): Promise<{ perSecond: number; cpuMicros: number }> => {
    const until = performance.now() + SECONDS * 1_000;
    const cpu = process.cpuUsage();
    let calls = 0;
    const worker = async (): Promise<void> => {
      while (performance.now() < until) {
        await hypervisor.domainGetInfo(healthy);
        calls += 1;
      }
    };
    await Promise.all(Array.from({ length: inFlight }, worker));
    const used = process.cpuUsage(cpu);
    return { perSecond: round(calls / SECONDS), cpuMicros: round((used.user + used.system) / calls) };
  };

  /** The median and the longest of 500 reads, one after the other, in milliseconds. */
  const latency = async (): Promise<{ medianMs: number; longestMs: number }> => {
    const times: number[] = [];
    for (let call = 0; call < 500; call += 1) {
      const started = performance.now();
      await hypervisor.domainGetInfo(healthy);
      times.push(performance.now() - started);
    }
    times.sort((a, b) => a - b);
    return { medianMs: round(times[250] as number), longestMs: round(times[499] as number) };
  };

  await rate(64);
  const one = await rate(1);
  const many = await rate(64);
  const idle = await latency();
  const pid = (await daemon.exec('cat', '/run/libvirt/qemu/hung.pid')).stdout.trim();
  await daemon.exec('kill', '-STOP', pid);
  const waiting = Array.from({ length: 10 }, (_, index) =>
    index % 2 === 0
      ? hypervisor.domainSetMemoryFlags(hung, 60_000, VIR_DOMAIN_AFFECT_LIVE)
      : hypervisor.domainReboot(hung, 0),
  );
  const settled = Promise.allSettled(waiting);
  await systemClock.sleep(300);
  const beside = await latency();
  const besideRate = await rate(64);
  await daemon.exec('kill', '-CONT', pid);
  await settled;

  say(`getInfo, one at a time:            ${one.perSecond}/s, ${one.cpuMicros} us of own CPU each`);
  say(`getInfo, 64 at a time:             ${many.perSecond}/s, ${many.cpuMicros} us of own CPU each`);
  say(`a read, nothing else:              ${idle.medianMs} ms median, ${idle.longestMs} ms longest`);
  say(`a read beside 10 calls that hang:  ${beside.medianMs} ms median, ${beside.longestMs} ms longest`);
  say(`64 at a time beside them:          ${besideRate.perSecond}/s`);
  const figures = {
    oneAtATimePerSecond: one.perSecond,
    manyAtATimePerSecond: many.perSecond,
    cpuMicrosPerCall: many.cpuMicros,
    readMs: idle.medianMs,
    readBesideHangingMs: beside.medianMs,
    readBesideHangingLongestMs: beside.longestMs,
    hangingRatio: round(beside.medianMs / idle.medianMs),
    besideHangingPerSecond: besideRate.perSecond,
  };
  if (process.argv.includes('--json')) say(JSON.stringify(figures));
} finally {
  await hypervisor.close();
  await daemon.stop();
}
