// Why: what goes in and what comes out of each call is said in JSON Schema: requests are held against it, and the reference is made of it. Here
// are the pieces that the schemas of all faces are made of.

export type JsonSchema = Readonly<Record<string, unknown>>;

/** The members of an object by their names. */
export type Properties = Readonly<Record<string, JsonSchema>>;

/** An object that has these members and no others. */
export const closed = (properties: Properties, required: readonly string[] = []): JsonSchema => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});

/** An answer: all members are there unless they are named as optional, and later versions may have more. */
export const answer = (properties: Properties, optional: readonly string[] = []): JsonSchema => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
});

/** `{"vms": [...]}`: an answer that is a list, under its name. */
export const listOf = (name: string, items: JsonSchema): JsonSchema => answer({ [name]: { type: 'array', items } });

export const text = (maxLength = 255, minLength = 0): JsonSchema => ({ type: 'string', minLength, maxLength });
/** A whole number between these, both among them. */
export const whole = (minimum: number, maximum = 100_000_000): JsonSchema => ({ type: 'integer', minimum, maximum });
export const flag: JsonSchema = { type: 'boolean' };
export const orNull = (type: string): JsonSchema => ({ type: [type, 'null'] });

export const uuid: JsonSchema = { type: 'string', pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' };
export const name: JsonSchema = { type: 'string', minLength: 1, maxLength: 255, pattern: '\\S' };
/** What names a node: a host name. */
export const nodeName: JsonSchema = { type: 'string', maxLength: 255, pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]*$' };

/** What was begun and goes on after the answer. */
export const accepted = answer({ accepted: { type: 'string' }, vm_id: orNull('string'), id: { type: 'string' } }, [
  'vm_id',
  'id',
]);

export const fault = answer({
  error: answer({ code: { type: 'integer' }, message: { type: 'string' }, request_id: { type: 'string' } }),
});
