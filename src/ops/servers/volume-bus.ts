// Why: what a server's volumes are plugged into follows from what its image asks for.

import { knownProperties } from '../../domain/machines/image-properties.ts';
import { type VolumeBus, volumeBusOf } from '../../domain/servers/server-volumes.ts';
import type { Server } from '../../domain/servers/servers.ts';

export const busOfServer = ({ image }: Pick<Server, 'image'>): VolumeBus =>
  volumeBusOf(knownProperties(image)['hw_disk_bus']);
