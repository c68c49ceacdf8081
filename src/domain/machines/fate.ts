// Why: what a flavor or an image asks for is given, refused, or of no meaning here; each word that Nova knows says which of them.

/** What becomes of a request, with the words for people. */
export type Fate =
  /** Given; `how` says by what. */
  | { readonly kind: 'done'; readonly how: string }
  /** Never given; `how` says what a request gets and why. */
  | { readonly kind: 'refused'; readonly how: string }
  /** Without effect; `how` says why that is right. */
  | { readonly kind: 'ignored'; readonly how: string };

export const done = (how: string): Fate => ({ kind: 'done', how });
export const refused = (how: string): Fate => ({ kind: 'refused', how });
export const ignored = (why: string): Fate => ({ kind: 'ignored', how: `because ${why}` });
