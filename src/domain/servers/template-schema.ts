// Why: the operator writes patterns and whoever makes a server writes what they are tried on. JavaScript's own engine backtracks, so that one
// careless pattern and thirty letters could stop the process; RE2's takes time in proportion to the text.

import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { RE2JS } from 're2js';

/** A pattern as JSON Schema asks it: anywhere in the text. Throws for look-around and back references, which RE2 has not. */
function linear(pattern: string) {
  const compiled = RE2JS.compile(pattern);
  return {
    test: (text: string): boolean => compiled.matcher(text).find(),
    // by this, patterns of one schema are told from each other
    toString: () => pattern,
  };
}

const regExp = Object.assign(linear, { code: 'linear' });
const ajv = new Ajv2020({ strict: true, useDefaults: true, code: { regExp } });

/** Throws where the schema is none. Defaults are put where a value lacks. */
export const compileSchema = (schema: object): ValidateFunction => ajv.compile(schema);
