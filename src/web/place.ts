// Why: a client has so many requests under way, and one whose answer never ends would hold a place among them for nothing.

/** Emitted on a response by whoever answers with a stream without an end: its request gives back its place among those of its client. */
export const GIVES_PLACE_BACK = 'xloud:gives-place-back';
