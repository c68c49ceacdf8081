// The three laws of every saga, for those that move a server between two hosts: it is where it was or where it shall be, once, and
// the claims on both are as they must be.

import { moveCases } from '../support/saga-cases/moves.ts';
import { engines } from '../support/database.ts';
import { testSaga } from '../support/saga-suite.ts';

for (const engine of engines) for (const one of moveCases) testSaga({ ...one, engine });
