// The three laws of every saga, for those that give a server a volume and take it away: the row, the volume service and the guest agree.

import { volumeCases } from '../support/saga-cases/volumes.ts';
import { engines } from '../support/database.ts';
import { testSaga } from '../support/saga-suite.ts';

for (const engine of engines) for (const one of volumeCases) testSaga({ ...one, engine });
