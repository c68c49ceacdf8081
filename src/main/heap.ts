// Why: how V8 keeps its heap, as measured; loaded before everything else. (How large the young generation is can only be said on the
// command line: bin/xloud.)
//
// V8 allocates what it once saw survive in the old generation at once ("allocation site pretenuring"). What it sees at a start are
// hundreds of routes and schemas, made by the same code that later makes the objects of each request: these would be garbage that
// only a full collection frees. Measured: a third more CPU for each small request, and three times the heap under load.
//
// And it lets a heap that is used much grow to four times what lives in it before it collects all of it. 2.2 times: half the memory
// under load, for a tenth more CPU of the largest pages.

import { setFlagsFromString } from 'node:v8';

setFlagsFromString('--no-allocation-site-pretenuring');
setFlagsFromString('--heap-growing-percent=120');
