// Why: Nova's schemas of fifty versions of a thing are mostly the same text. Here each is kept once: a schema like another is its
// name, and what several of them hold is a part with a name, which `{"$part": NAME}` stands for.

/** What is shorter reads better where it is used. */
const LEAST_CHARS = 120;

type Tree = unknown;
type Branch = Readonly<Record<string, Tree>> | readonly Tree[];

const isBranch = (value: Tree): value is Branch => typeof value === 'object' && value !== null;

/** How many places hold each object, those inside of one that is held twice counted once; with the key it is first held by. */
function placesOf(roots: readonly Branch[]): ReadonlyMap<string, { count: number; readonly key: string }> {
  const places = new Map<string, { count: number; readonly key: string }>();
  const visit = (value: Tree, key: string): void => {
    if (!isBranch(value)) return;
    if (!Array.isArray(value)) {
      const text = JSON.stringify(value);
      const place = places.get(text);
      if (place !== undefined) {
        place.count += 1;
        return;
      }
      places.set(text, { count: 1, key });
    }
    for (const [name, part] of Object.entries(value)) visit(part, /^\d+$/.test(name) ? key : name);
  };
  for (const root of roots) for (const [name, part] of Object.entries(root)) visit(part, name);
  return places;
}

/** Keys of schemas say less of what a part is than the names of properties do. */
const WORDS = new Set(['items', 'properties', 'patternProperties', 'oneOf', 'anyOf', 'allOf', 'not']);

/** Schemas by name, told without repetition. */
export function sharedParts(definitions: Readonly<Record<string, object>>): {
  readonly parts: Readonly<Record<string, object>>;
  readonly schemas: Readonly<Record<string, object | string>>;
} {
  const names = new Map<string, string>();
  const schemas: Record<string, object | string> = {};
  for (const [name, schema] of Object.entries(definitions)) {
    const text = JSON.stringify(schema);
    const first = names.get(text);
    if (first === undefined) names.set(text, name);
    schemas[name] = first ?? schema;
  }
  const places = placesOf(Object.values(schemas).filter((schema) => typeof schema === 'object') as Branch[]);
  const parts: Record<string, object> = {};
  const partNames = new Map<string, string>();
  const partOf = (value: object, text: string): string => {
    const { key } = places.get(text) as { key: string };
    const word = WORDS.has(key) || /\W/.test(key.replaceAll(/[-:]/g, '')) ? 'part' : key;
    let name = word;
    for (let number = 2; Object.hasOwn(parts, name); number += 1) name = `${word} ${number}`;
    partNames.set(text, name);
    parts[name] = {};
    parts[name] = inside(value as Branch) as object;
    return name;
  };
  const inside = (value: Tree): Tree => {
    if (!isBranch(value)) return value;
    if (Array.isArray(value)) return value.map(told);
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, told(part)]));
  };
  const told = (value: Tree): Tree => {
    if (!isBranch(value) || Array.isArray(value)) return inside(value);
    const text = JSON.stringify(value);
    const isShared = text.length >= LEAST_CHARS && (places.get(text)?.count ?? 0) > 1;
    return isShared ? { $part: partNames.get(text) ?? partOf(value, text) } : inside(value);
  };
  for (const [name, schema] of Object.entries(schemas)) {
    if (typeof schema === 'object') schemas[name] = inside(schema as Branch) as object;
  }
  return { parts, schemas };
}
