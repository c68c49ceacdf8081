import { systemClock } from '../../../src/base/clock.ts';
import { silentLog } from '../../../src/base/log.ts';
import { makeMemoryBus } from '../../../src/bus/memory.ts';
import { busContract } from '../../support/bus-contract.ts';

busContract('memory', { inspectMs: 50, deliverMs: 1_000 }, async (timeoutMs) => {
  const bus = makeMemoryBus({ clock: systemClock, log: silentLog, timeoutMs });
  return { client: bus, server: bus, close: () => bus.close() };
});
