// Why: the whole API as one list, for its router, its description and the test that walks every call.

import { deploymentRoutes } from '../deployments/routes.ts';
import { cloudInitRoutes } from './cloud-init.ts';
import { copyRoutes } from './copies.ts';
import { infrastructureRoutes } from './infrastructure.ts';
import { migrationRoutes } from './migrations.ts';
import { performanceRoutes } from './performance.ts';
import type { FaceRoute } from '../kit/route.ts';
import { vmRoutes } from './vms.ts';

export const novacronRoutes: readonly FaceRoute[] = [
  ...vmRoutes,
  ...copyRoutes,
  ...performanceRoutes,
  ...migrationRoutes,
  ...cloudInitRoutes,
  ...infrastructureRoutes,
  ...deploymentRoutes,
];
