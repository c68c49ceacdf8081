// Why: where a guest's consoles listen is known to libvirt alone: it says so in the definition of a guest that runs.

import type { AgentVerbs } from '../../domain/servers/agent-methods.ts';
import { domainOf, type Host } from './host.ts';
import { screenOf } from './screen.ts';
import { lineOf } from './serial.ts';
import { find, readXml } from './xml.ts';

export const consoleVerbs = (host: Host): Pick<AgentVerbs, 'remoteConsole'> => ({
  async remoteConsole({ uuid, protocol }) {
    const definition = readXml(await host.connection.domainGetXMLDesc(await domainOf(host, uuid)));
    const devices = find(definition, 'devices');
    // only what runs has a number
    if (devices === null || !definition.hasAttribute('id')) return null;
    return protocol === 'serial' ? lineOf(devices) : screenOf(devices, protocol);
  },
});
