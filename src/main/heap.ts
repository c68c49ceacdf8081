// Why: how V8 keeps its heap, as measured; loaded before everything else. (What else is said of it has to
// stand on the command line: bin/xloud.)
//
// V8 allocates what it once saw survive in the old generation at once ("allocation site pretenuring"). What it sees at a start are
// hundreds of routes and schemas, made by the same code that later makes the objects of each request: these would be garbage that
// only a full collection frees. Measured: a third more CPU for each small request, and three times the heap under load.

import { setFlagsFromString } from 'node:v8';

setFlagsFromString('--no-allocation-site-pretenuring');
