// Why: nothing listens behind a guest of pure data; the names of its consoles say so (RFC 6761).

import { power } from '../../domain/instance.ts';
import type { Driver } from '../driver.ts';
import type { ConsoleEndpoint, ConsoleProtocol } from '../../domain/remote-console.ts';
import type { FakeHost } from './host.ts';

const PORT = 6969;

const endpoints: Readonly<Record<ConsoleProtocol, ConsoleEndpoint | null>> = {
  vnc: { host: 'vnc.fake.invalid', port: PORT, tlsPort: null, path: null },
  spice: { host: 'spice.fake.invalid', port: PORT, tlsPort: PORT + 1, path: null },
  serial: { host: 'serial.fake.invalid', port: PORT, tlsPort: null, path: null },
  mks: null,
};

export const consoleVerbs = (host: FakeHost): Required<Pick<Driver, 'remoteConsole'>> => ({
  async remoteConsole(uuid, protocol) {
    const { powerState } = host.guestOf(uuid);
    return powerState === power.running || powerState === power.paused ? endpoints[protocol] : null;
  },
});
