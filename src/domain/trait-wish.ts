// Why: flavors and images name what a host must be (`trait:CUSTOM_FAST` = `required`) or must not be (`forbidden`). A host of ours
// is one provider of everything that it has, so numbered groups (`trait1:...`) ask the same of it.

export interface TraitWish {
  readonly required: readonly string[];
  readonly forbidden: readonly string[];
}

const TRAIT = /^trait(?:[a-zA-Z0-9_-]{1,64})?:(.+)$/;

/** The traits that are named with a value; other values say nothing, as in Nova. */
const traitsWith = (pairs: Readonly<Record<string, string>>, wanted: 'required' | 'forbidden'): string[] =>
  Object.entries(pairs).flatMap(([key, value]) => {
    const trait = value === wanted ? TRAIT.exec(key)?.[1] : undefined;
    return trait === undefined ? [] : [trait];
  });

/** What a flavor and an image ask together; an image can only require. Null: nothing. */
export function traitWishOf(
  extraSpecs: Readonly<Record<string, string>>,
  imageProperties: Readonly<Record<string, string>>,
): TraitWish | null {
  const required = new Set([...traitsWith(extraSpecs, 'required'), ...traitsWith(imageProperties, 'required')]);
  const forbidden = traitsWith(extraSpecs, 'forbidden');
  return required.size + forbidden.length === 0 ? null : { required: [...required], forbidden };
}

/** Why a host with these traits is not what is wished, as a clause; null: it is. */
export function traitProblem(has: readonly string[], { required, forbidden }: TraitWish): string | null {
  const missing = required.filter((trait) => !has.includes(trait));
  if (missing.length > 0) return `has no trait ${missing.join(', ')}`;
  const unwanted = forbidden.filter((trait) => has.includes(trait));
  return unwanted.length > 0 ? `has the forbidden trait ${unwanted.join(', ')}` : null;
}
