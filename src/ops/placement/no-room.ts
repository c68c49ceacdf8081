// Why: that hosts lack nothing but room is another thing than that none is fit: the one passes.

import { Fault } from '../../base/errors.ts';

/** The cause of a fault that says so. */
export const NO_ROOM = new Error('no room');

export const isNoRoom = (error: unknown): boolean => error instanceof Fault && error.cause === NO_ROOM;
