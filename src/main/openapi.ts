// Why: docs/openapi.json is written by this and by nothing else (`make docs`); a test compares the two.

import { computeRoutes } from '../api/compute/index.ts';
import { openapi } from '../api/openapi.ts';

process.stdout.write(`${JSON.stringify(openapi(computeRoutes), null, 2)}\n`);
