// Why: options that are valid one by one may contradict each other. Each process checks the combinations that it needs at its start;
// `xloud config check` checks all of them, whichever process the configuration is for.

import { readDivision } from '../virt/host-cells.ts';
import { readDeviceSpecs } from '../virt/host-devices.ts';
import type { Config } from './config.ts';
import { readOwn } from './novacron-face.ts';
import { readOffers } from './offers.ts';
import { checkOperators } from './operators.ts';
import { opsSettings } from './ops-settings.ts';
import { readReach } from './reach.ts';

/**
 * Checks everything that needs neither the machine, the database nor a service; files that options name are read.
 * @throws a Fault that names the option and says what is wrong
 */
export function checkConfig(config: Config): void {
  checkOperators(config);
  readReach(config.api);
  readOffers(config.compute);
  readDivision(config.compute);
  readDeviceSpecs(config.pci.device_spec);
  readOwn(config.novacron);
  // checks device aliases and cloud-init templates
  opsSettings(config);
}
