// Why: what can be configured of flavors that projects have by asking for a size.

import { integer, text } from './config-options.ts';

export const sizedFlavorOptions = {
  sized_flavors: integer(
    32,
    'flavors',
    'How many private flavors a project may have by asking for a size (POST /os-xloud-sized-flavors); 0: none.',
    0,
    10_000,
  ),
  sized_flavor_vcpus: integer(32, 'vCPUs', 'The most vCPUs of such a flavor.', 1, 1_000_000),
  sized_flavor_memory_mb: integer(131_072, 'MiB', 'The most memory of such a flavor.', 1, 100_000_000),
  sized_flavor_disk_gb: integer(
    100,
    'GiB',
    'The largest disk of such a flavor; disks count for no quota.',
    1,
    100_000_000,
  ),
  sized_flavor_base: text(
    '',
    'Id of a flavor whose extra specs (prices, profile, aggregates) every such flavor has; empty: none, and none is made where any flavor has a price.',
  ),
};
