// Why: options that are good one by one may not go together. Each start finds that out where it needs them; `xloud config check` asks all of
// it at once, of whatever process the configuration is.

import { readDivision } from '../virt/host-cells.ts';
import { readDeviceSpecs } from '../virt/host-devices.ts';
import type { Config } from './config.ts';
import { readOwn } from './novacron-face.ts';
import { readOffers } from './offers.ts';
import { checkOperators } from './operators.ts';
import { opsSettings } from './ops-settings.ts';
import { readReach } from './reach.ts';

/**
 * What can be known without the machine, the database or a service; files that options name are read.
 * @throws a Fault that names the option and says what is wrong
 */
export function checkConfig(config: Config): void {
  checkOperators(config);
  readReach(config.api);
  readOffers(config.compute);
  readDivision(config.compute);
  readDeviceSpecs(config.pci.device_spec);
  readOwn(config.novacron);
  // its aliases of devices, and templates for cloud-init
  opsSettings(config);
}
